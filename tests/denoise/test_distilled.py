"""Schedulers of distilled networks: one rule, in the same words, wherever they come from."""

import sys
from pathlib import Path

import diffusers
import pytest

import girsanov as gv
from girsanov._checks import InputError
from girsanov.denoise.pipelines.schedule import DISTILLED

sys.path.append(str(Path(__file__).parent))

import pipelines

SAID = r"must belong to a denoiser; got {}\. A distilled network predicts samples"


@pytest.mark.parametrize("name", sorted(n for n in DISTILLED if hasattr(diffusers, n)))
def test_a_scheduler_of_a_distilled_network_is_refused_live_and_from_a_folder(name, tmp_path):
    pipe = pipelines.ddpm()
    pipe.scheduler = getattr(diffusers, name)()
    pipe.save_pretrained(tmp_path)
    said = []
    for load, source in ((gv.from_pipeline, pipe), (gv.load_pipeline, tmp_path)):
        with pytest.raises(InputError, match=SAID.format(name)) as told:
            load(source)
        said.append(str(told.value).split(": ", 1)[1])
    assert said[0] == said[1]


def test_a_class_made_of_a_distilled_one_is_distilled():
    class Mine(diffusers.LCMScheduler):
        """As LCM's."""

    pipe = pipelines.ddpm()
    pipe.scheduler = Mine()
    with pytest.raises(InputError, match=SAID.format("LCMScheduler")):
        gv.from_pipeline(pipe)
