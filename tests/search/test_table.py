"""The table as an evaluator: what it answers, and every way in which its file can be damaged."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topfive.errors import DataError, RefusedError, TopfiveError
from topfive.search.table import Row, header, read_rows, rows_from, table_from
from topfive.search.trial import Measurement

HEAD = "cell,model,val_1,val_2,params,macs,seconds,seed\n"
A = "0123456789abcdef,pnas:a,0.5000,0.7500,10,200,1.25,0\n"
B = 'fedcba9876543210,"pnas:b,c",0.2500,0.5000,11,201,2.50,0\n'
PATH = Path("t.csv")


def test_a_row_comes_back_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(HEAD + A + B)
    first, second = read_rows(tmp_path / "t.csv")
    assert first == Row("0123456789abcdef", "pnas:a", 0, Measurement(0.75, 10, 200, 1.25, (0.5, 0.75)))
    assert second.model == "pnas:b,c"
    assert [",".join(first.fields()) + "\n", ",".join(header(2)) + "\n"] == [A, HEAD]


def test_the_first_training_answers_whatever_the_seed() -> None:
    again = A.replace("0.7500", "0.9999").replace(",0\n", ",1\n")
    table = table_from(rows_from(HEAD + again + A, PATH))
    assert table("pnas:a", 0) == table("pnas:a", 12345)
    assert table("pnas:a", 7).accuracy == 0.75
    with pytest.raises(DataError, match="pnas:x is not in it"):
        table("pnas:x", 0)


def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(DataError) as caught:
            read_rows(path)
        assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "cut off"),
        (HEAD + A[:-1], "cut off"),
        (A, "its columns are 0123"),
        ("\n", "its columns are , not"),
        (HEAD.replace("val_2,", "val_3,"), "its columns are cell"),
        (HEAD.replace("val_1,val_2,", ""), "its columns are cell"),
        (HEAD + A.replace("10,200", "10"), "t.csv:2: 7 values for 8 columns"),
        (HEAD + B + A.replace("0123", "012X"), "t.csv:3: cell is 16"),
        (HEAD + A.replace(",0\n", ",-1\n"), "seed a number"),
        (HEAD + A.replace("0.7500", "1.5"), "t.csv:2: accuracy"),
        (HEAD + A.replace("0.5000", "nan"), "t.csv:2: curve"),
        (HEAD + A.replace("0.5000", ""), "t.csv:2: curve"),
        (HEAD + A.replace("200", "2e2"), "t.csv:2: macs"),
        (HEAD + A.replace("1.25", "inf"), "t.csv:2: seconds"),
        (HEAD + A + A, "stands there twice with seed 0"),
        (HEAD + A + A.replace("pnas:a", "pnas:b").replace(",0\n", ",1\n"), "has two models"),
        (HEAD + A + A.replace("0123", "0124"), "its model another cell"),
        (HEAD + A.replace("pnas:a", '"pnas'), "no CSV"),
    ],
)
def test_a_damaged_table_is_refused_and_told_where(text: str, told: str) -> None:
    with pytest.raises(RefusedError, match=re.escape(told)) as caught:
        rows_from(text, PATH)
    assert caught.value.exit_code == 4
    assert len(str(caught.value).splitlines()) == 1


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(HEAD.encode() + b"\xff\xfe\n")
    with pytest.raises(RefusedError, match="not text"):
        read_rows(tmp_path / "t.csv")


@given(st.data())
def test_any_damage_is_an_error_of_one_line_or_none(data: st.DataObject) -> None:
    text = HEAD + A + B
    place = data.draw(st.integers(0, len(text)))
    dropped = data.draw(st.integers(0, 30))
    inserted = data.draw(st.text(alphabet="0,\"\n\r\x00 -.e'_:\u2028\u0661", max_size=4))
    try:
        rows_from(text[:place] + inserted + text[place + dropped :], PATH)
    except TopfiveError as error:
        lines = str(error).splitlines()
    else:
        return
    assert len(lines) == 1
