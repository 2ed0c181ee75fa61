"""What was said while a server starts, for everybody who looks."""

import asyncio

from spark_notebooks_hub.progress import PodProgress, Step
from spark_notebooks_hub.spawn_log import SpawnLog


async def collect(log: SpawnLog) -> list[Step]:
    return [progress.step async for progress in log.follow()]


async def test_a_late_viewer_sees_the_start_from_its_beginning() -> None:
    log = SpawnLog()
    log.say(PodProgress(Step.WORKSPACE))
    early = asyncio.create_task(collect(log))
    await asyncio.sleep(0)
    log.say(PodProgress(Step.PLACE))
    late = asyncio.create_task(collect(log))
    await asyncio.sleep(0)
    log.say(PodProgress(Step.JUPYTER))
    log.close()
    assert await asyncio.wait_for(early, 1) == [Step.WORKSPACE, Step.PLACE, Step.JUPYTER]
    assert await asyncio.wait_for(late, 1) == [Step.WORKSPACE, Step.PLACE, Step.JUPYTER]


async def test_the_same_sentence_is_said_once_and_a_new_detail_is_said() -> None:
    log = SpawnLog()
    for progress in (PodProgress(Step.PLACE), PodProgress(Step.PLACE), PodProgress(Step.PLACE, "full")):
        log.say(progress)
    log.close()
    assert [progress.message async for progress in log.follow()] == [
        "Waiting for a place on the cluster",
        "Waiting for a place on the cluster (full)",
    ]


async def test_what_is_said_while_a_viewer_is_slow_is_not_lost() -> None:
    log = SpawnLog()
    seen = []
    log.say(PodProgress(Step.WORKSPACE))
    async for progress in log.follow():
        seen.append(progress.step)
        if progress.step is Step.WORKSPACE:
            log.say(PodProgress(Step.PLACE))
            log.say(PodProgress(Step.IMAGE))
            log.close()
    assert seen == [Step.WORKSPACE, Step.PLACE, Step.IMAGE]
