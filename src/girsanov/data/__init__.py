"""Data in and samples out: files, folders and arrays as rows, and the map to the model's units."""

from .channel_units import ChannelStandardisation
from .dataset import Dataset
from .load import load_data
from .standardise import ImageStandardisation, Standardisation, VectorStandardisation
from .table.columns import CategoryColumn, NumberColumn
from .table.table_units import TableStandardisation
from .write import check_destination, write_samples

__all__ = [
    "CategoryColumn",
    "ChannelStandardisation",
    "Dataset",
    "ImageStandardisation",
    "NumberColumn",
    "Standardisation",
    "TableStandardisation",
    "VectorStandardisation",
    "check_destination",
    "load_data",
    "write_samples",
]
