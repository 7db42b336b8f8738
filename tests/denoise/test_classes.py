"""Class folders that are numbers, told to a pipeline whose classes have no names."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import girsanov as gv
from girsanov._checks import InputError
from girsanov.cli.main import run
from girsanov.denoise.classes import class_note, classes_for, names_for

sys.path.append(str(Path(__file__).parent))

import pipelines

TEXT = sorted(str(k) for k in range(12))  # 0, 1, 10, 11, 2, ...


class Unnamed:
    """A pipeline's classes, as far as their names are asked."""

    def __init__(self, count):
        self.label_names, self.unnamed = tuple(str(k) for k in range(count)), True


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Twelve class folders whose pictures are as light as their number, and 8 of each."""
    place = tmp_path_factory.mktemp("classes")
    noise = np.random.default_rng(0)
    for c in range(12):
        (place / "data" / str(c)).mkdir(parents=True)
        for k in range(8):
            picture = (20 * c + noise.integers(0, 9, (8, 8))).astype(np.uint8)
            Image.fromarray(picture).save(place / "data" / str(c) / f"{k}.png")
    pipelines.ddpm(1, classes=12).save_pretrained(place / "pipe")
    return place


def told(data, **options):
    """Return the classes that the network is told, by the number of the folder."""
    pipe, seen = pipelines.ddpm(1, classes=12), {}

    def note(module, given, named):
        light = (named["sample"] if "sample" in named else given[0]).mean(dim=(1, 2, 3))
        for x, c in zip(light.tolist(), named["class_labels"].tolist(), strict=True):
            seen.setdefault(c, []).append(x)

    pipe.unet.register_forward_pre_hook(note, with_kwargs=True)
    model = gv.from_pipeline(pipe)
    level = model.levels[-1:]
    audit = gv.audit(model, data, levels=np.append(model.levels[-60], level), draws=1, **options)
    means = sorted(seen, key=lambda c: np.mean(seen[c]))
    return means, audit


def test_a_folder_is_the_class_of_its_number_and_a_note_says_so(folders):
    classes, audit = told(gv.load_data(folders / "data"))
    assert classes == list(range(12))
    assert audit.facts.class_order == "number"
    note = audit.facts.notes[-1]
    assert "folder or label n of the data is taken for class n, by number;" in note
    assert "sorted as text, as image-folder loaders do, label 2 would be class 4" in note
    assert "--class-order text" in note
    assert note in str(audit)


def test_a_folder_is_the_class_of_its_place_among_texts_where_that_is_asked(folders):
    classes, audit = told(gv.load_data(folders / "data", class_order="text"))
    assert classes == [TEXT.index(str(c)) for c in range(12)]
    assert audit.facts.class_order == "text"
    note = audit.facts.notes[-1]
    assert "0 for class 0, 1 for class 1, 10 for class 2, 11 for class 3, 2 for class 4" in note
    assert "by number label 10 would be class 10: --class-order number" in note


def test_the_order_stays_with_parts_and_copies(folders):
    data = gv.load_data(folders / "data", class_order="text")
    parts = [*data.split(0.5), data.with_standardisation(data.standardisation)]
    assert {part.class_order for part in parts} == {"text"}
    with pytest.raises(InputError, match="class_order: must be one of number, text; got size"):
        gv.load_data(folders / "data", class_order="size")


@pytest.mark.parametrize(
    ("given", "order", "codes"),
    [
        (["0", "1", "2"], "number", [0, 1, 2]),
        (["10", "2"], "number", [10, 2]),
        (["10", "2"], "text", [2, 4]),  # the others are numbered too, though none is here
        ([str(k) for k in range(1, 13)], "number", list(range(12))),  # counted from 1
        (["12", "3"], "number", [11, 2]),
        (["1", "12", "2"], "text", [0, 3, 4]),
        (["00", "07", "11"], "number", [0, 7, 11]),
        (["00", "07", "11"], "text", [0, 7, 11]),
        (["200", "30"], "number", [1, 0]),
        (["200", "30"], "text", [0, 1]),
        (["bird", "cat"], "number", [0, 1]),
        (["bird", "7"], "text", [0, 1]),
    ],
)
def test_labels_are_coded(given, order, codes):
    names = names_for(Unnamed(12), given, order)
    assert len(names) == len(set(names)) == 12
    assert [names.index(name) for name in given] == codes
    assert names_for(Unnamed(12), names, order) == names  # again, and nothing changes


def test_a_model_with_names_codes_by_its_own():
    model = gv.from_pipeline(pipelines.class_latents())
    assert names_for(model, ["0", "1"], "text") == model.label_names
    data = gv.load_data(np.zeros((4, 4, 4, 4), np.float32) + np.arange(4).reshape(4, 1, 1, 1))
    data = data.with_labels(np.array([0, 1, 1, 0]), ["kind 3", "kind 0"])
    assert classes_for(model, data).labels.tolist() == [3, 0, 0, 3]
    assert class_note(model, data) is None


def test_below_ten_classes_no_other_order_is_offered():
    model = gv.from_pipeline(pipelines.ddpm(1, classes=4))
    rows = np.random.default_rng(0).uniform(size=(9, 8, 8)).astype(np.float32)
    data = gv.load_data(rows, labels=np.arange(9) % 4)
    assert class_note(model, data) == (
        "the model's classes have no names, so folder or label n of the data is taken for class n"
    )


def test_the_commands_take_the_order_and_plan_by_remembers_it(
    folders, tmp_path, monkeypatch, capsys
):
    def ran(*words, code=0):
        assert run([str(word) for word in words]) == code
        return capsys.readouterr().out

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    pipe, data, out = folders / "pipe", folders / "data", tmp_path / "a.json"
    asked = ("--levels", "5", "--draws", "1", "--class-order", "text", "--out", out)
    said = ran("audit", pipe, "--data", data, *asked)
    assert "10 for class 2" in " ".join(said.split())
    assert gv.load_audit(out).facts.class_order == "text"
    orders = []
    from girsanov.workflow.shared import data_sources as sources

    load = sources.load_data
    monkeypatch.setattr(
        sources, "load_data", lambda *a, **k: (orders.append(k["class_order"]), load(*a, **k))[1]
    )
    by = ("--by", "sliced-w2", "--model", pipe, "--data", data, "--steps", "1")
    by += ("--candidates", "analytic-dpm", "--out", tmp_path / "p.json", "--calls")
    ran("plan", out, *by, 4000)
    # too few calls: refused once the data are read
    ran("plan", out, *by, 8, "--class-order", "number", "--force", code=2)
    rows = np.random.default_rng(0).integers(0, 255, (60, 8, 8)).astype(np.uint8)
    np.save(tmp_path / "s.npy", rows)
    options = ("--model", pipe, "--class-order", "text", "--by", "sliced-w2", "--json")
    notes = json.loads(ran("compare", tmp_path / "s.npy", data, *options))["notes"]
    assert any("10 for class 2" in note for note in notes)
    assert orders == ["text", "number", "text"]
