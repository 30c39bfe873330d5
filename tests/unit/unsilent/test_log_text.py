"""Records are found in whatever people print, paste and save."""

from __future__ import annotations

import pytest

from unsilent.log_text import LogRecord, TextReader


def read(text: str) -> tuple[list[LogRecord], TextReader]:
    """All records of a text, line by line, and the reader."""
    reader = TextReader()
    return [record for line in text.splitlines(keepends=True) for record in reader.read(line, "x")], reader


FORMS: dict[str, tuple[str, tuple[float | None, ...]]] = {
    "older transformers": (
        "{'loss': 4.97, 'grad_norm': 1.2, 'learning_rate': 1e-3, 'epoch': 0.1}",
        (None, 4.97, 1.2, 1e-3),
    ),
    "transformers 5": ("{'loss': '4.97', 'grad_norm': '1.2', 'learning_rate': '0.001'}", (None, 4.97, 1.2, 1e-3)),
    "behind a bar": (
        "  5%|5    | 5/100 [00:01<00:20] {'loss': 4.97, 'grad_norm': 1.2}",
        (None, 4.97, 1.2, None),
    ),
    "colours": ("\x1b[32m{'loss': 4.97,\x1b[0m 'grad_norm': 1.2}", (None, 4.97, 1.2, None)),
    "broken over two lines": ("{'loss': 4.97, 'grad_norm':\n 1.2}", (None, 4.97, 1.2, None)),
    "JSON": ('{"step": 12, "train_loss": 4.97, "gradient_norm": 1.2, "lr": 0.001}', (12, 4.97, 1.2, 1e-3)),
    "nested JSON": ('{"global_step": 12, "metrics": {"train/loss": 4.97, "note": "x"}}', (12, 4.97, None, None)),
    "words": ("step 12/400 loss 4.97 grad_norm 1.2 lr 1e-3", (12, 4.97, 1.2, 1e-3)),
    "equal signs": ("[2026-01-01 10:00:00] INFO - train: step=12, loss=4.97, grad_norm=1.2", (12, 4.97, 1.2, None)),
    "iter": ("iter 12: loss 4.97, time 12.3ms", (12, 4.97, None, None)),
    "Lightning": ("Epoch 0: 10%|1| 12/400 [00:01<00:10, 4.6it/s, v_num=0, train_loss=4.97]", (12, 4.97, None, None)),
    "tensor": ("loss: tensor(4.97, device='cuda:0', grad_fn=<X>)", (None, 4.97, None, None)),
    "CSV": ("step,loss,grad_norm,lr\n12,4.97,1.2,0.001", (12, 4.97, 1.2, 1e-3)),
    "semicolons": ("step;loss;lr\n12;4.97;0.001", (12, 4.97, None, 1e-3)),
    "empty cells": ("epoch,step,train_loss,val_loss\n0,12,4.97,", (12, 4.97, None, None)),
    "notebook": ("Step\tTraining Loss\n12\t4.970000", (12, 4.97, None, None)),
    "notebook with spaces": ("Step Training Loss\n12 4.970000", (12, 4.97, None, None)),
    "HTML": ("<tr><th>Step</th><th>Training Loss</th></tr>\n<tr><td>12</td><td>4.97</td></tr>", (12, 4.97, None, None)),
    "HTML over lines": (
        "<tr>\n <th>Step</th>\n <th>Training Loss</th>\n</tr>\n<tr>\n <td>12</td>\n <td>4.97</td>\n</tr>",
        (12, 4.97, None, None),
    ),
    "Markdown": ("| Step | Loss |\n|---|---|\n| 12 | 4.97 |", (12, 4.97, None, None)),
}


@pytest.mark.parametrize(("text", "expected"), FORMS.values(), ids=FORMS.keys())
def test_form_is_read(text: str, expected: tuple[float | None, ...]) -> None:
    """One record, with what it says."""
    records, reader = read(text + "\n")

    assert [(r.step, r.loss, r.grad_norm, r.learning_rate) for r in records] == [expected]
    assert reader.form


@pytest.mark.parametrize("number", ["nan", "NaN", "'nan'", "inf", "-Infinity", "Infinity"])
def test_what_is_not_finite_is_read(number: str) -> None:
    """Python's and JSON's words, quoted or not."""
    (record,), _ = read(f"{{'loss': 0.0, 'grad_norm': {number}}}\n")

    assert str(record.grad_norm) in ("nan", "inf", "-inf")


@pytest.mark.parametrize(
    "text",
    [
        "{'train_runtime': 9.1, 'train_samples_per_second': 3.5, 'train_loss': 0.9, 'epoch': 1.0}",
        "100%|####| 100/100 [00:20<00:00, 4.61it/s]",
        "the weather is fine",
        "{'rewards/loss': 2.0}",
        "{'loss': None}",
        '{"trial_params": {"learning_rate": 0.1}}',
        "step 5 lossless 3",
        "  ",
    ],
    ids=["summary", "bar", "prose", "another loss", "none", "parameters", "another word", "blank"],
)
def test_what_is_no_record(text: str) -> None:
    """Nothing is made up."""
    assert read(text + "\n")[0] == []


def test_evaluation_between_is_kept_apart() -> None:
    """An evaluation's record has no training loss."""
    records, _ = read("{'loss': 2.0}\n{'eval_loss': 1.9, 'eval_runtime': 3.0}\n{'loss': 1.8}\n")

    assert [(record.loss, record.eval_loss) for record in records] == [(2.0, None), (None, 1.9), (1.8, None)]


def test_record_cut_in_the_middle_loses_its_last_number() -> None:
    """1.2 may have been 1.27: it is left out, the next record is whole."""
    records, _ = read("{'loss': 4.97, 'grad_norm': 1.2\n{'loss': 4.5, 'grad_norm': 1.1}\n")

    assert [(record.loss, record.grad_norm) for record in records] == [(4.97, None), (4.5, 1.1)]


def test_brace_that_is_never_closed_is_given_up() -> None:
    """Code in a log does not swallow what follows for ever."""
    records, reader = read("if x {\n" + "a = 1;\n" * 4000 + "loss 2.0\n")

    assert [record.loss for record in records] == [2.0]
    assert not reader.unclosed


def test_row_of_another_width_is_no_row() -> None:
    """Under a header, a line with other columns is read for its words; a line that is no JSON too."""
    records, _ = read("step,loss\n1,2.0\nhello\nsaved, to, disk\n2,1.9\n{a {b}}\n")

    assert [(record.step, record.loss) for record in records] == [(1, 2.0), (2, 1.9)]


def test_header_with_numbers_is_none() -> None:
    """A row that begins with the word loss is no header; a notebook's header with evaluation is one."""
    records, _ = read("loss,2.0\nStep Training Loss Validation Loss\n10 2.0 1.9\n")

    assert [(record.step, record.loss, record.eval_loss) for record in records] == [(10, 2.0, 1.9)]
