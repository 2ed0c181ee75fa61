"""Progress under a cell: what it says."""

from spark_session.cell_progress import Progress, Stage, as_html, line

WORKING = Stage(3, "collect at <cell>:1", tasks=1200, active=4, completed=300, failed=1)
DONE = Stage(2, "map", tasks=4, active=0, completed=4, failed=0)


def test_one_line_while_it_runs_and_at_the_end() -> None:
    progress = Progress(2, (DONE, WORKING), executors=20, seconds=65.4)
    assert (
        line(progress, over=False)
        == "Spark: 2 jobs · 2 stages · 304 of 1,204 tasks · 1 failed · 20 executors · 1 min 5 s"
    )
    assert line(progress, over=True) == "Spark: 2 jobs · 2 stages · 1,204 tasks · 1 failed · 1 min 5 s"
    assert line(Progress(1, (DONE,), None, 2.0), over=False) == "Spark: 1 job · 1 stage · 4 of 4 tasks · 2 s"
    assert line(Progress(1, (DONE,), 1, 7300), over=False).endswith("1 executor · 2 h 1 min")


def test_a_bar_for_each_stage_that_works_and_none_at_the_end() -> None:
    page = as_html(Progress(2, (DONE, WORKING), 20, 1), over=False)
    assert page.count("<progress") == 1
    assert 'value="300" max="1200"' in page
    assert "&lt;cell&gt;" in page
    assert "300 / 1,200 (4 running, 1 failed)" in page
    assert "<progress" not in as_html(Progress(2, (DONE, WORKING), 20, 1), over=True)


def test_many_stages_are_cut() -> None:
    stages = tuple(Stage(number, "map", 4, 1, 0, 0) for number in range(9))
    page = as_html(Progress(1, stages, None, 1), over=False)
    assert page.count("<progress") == 5
    assert "and 4 stages more" in page
