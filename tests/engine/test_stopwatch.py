"""A step has its seconds and no more, and only its own deadline speaks in its name."""

import asyncio
import time

import pytest

from checks.engine.failures import Interrupted
from checks.engine.stopwatch import Stopwatch


async def test_a_step_that_takes_too_long_ends_in_a_timeout_and_its_task_lives_on():
    with pytest.raises(TimeoutError):
        async with Stopwatch(30).within(0.02):
            await asyncio.sleep(5)
    assert asyncio.current_task().cancelling() == 0
    await asyncio.sleep(0)


async def test_a_step_that_the_measurement_outlasts_was_interrupted():
    with pytest.raises(Interrupted):
        async with Stopwatch(0.02).within(30):
            await asyncio.sleep(5)


async def test_a_deadline_that_has_passed_ends_the_step_at_its_first_wait():
    watch = Stopwatch(0)
    await asyncio.sleep(0.01)
    with pytest.raises(Interrupted):
        async with watch.within(30):
            await asyncio.sleep(5)


async def test_a_step_that_ends_in_time_is_not_ended_afterwards():
    async with Stopwatch(30).within(0.05):
        await asyncio.sleep(0)
    await asyncio.sleep(0.1)


async def test_of_two_deadlines_the_one_that_passed_speaks():
    watch = Stopwatch(30)
    async with watch.within(10):
        with pytest.raises(TimeoutError):
            async with watch.within(0.02), watch.within(5):
                await asyncio.sleep(5)


async def test_who_cancels_the_task_is_not_taken_for_a_deadline():
    async def step() -> None:
        async with Stopwatch(30).within(10):
            await asyncio.sleep(5)

    task = asyncio.create_task(step())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_beside_the_deadline_goes_on():
    async def step() -> None:
        async with Stopwatch(30).within(0.02):
            await asyncio.sleep(5)

    task = asyncio.create_task(step())
    await asyncio.sleep(0)
    loop = asyncio.get_running_loop()
    loop.call_later(0.005, time.sleep, 0.1)  # the next two then come in one turn of the loop
    loop.call_later(0.03, task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_another_error_is_not_hidden_by_a_deadline():
    async def step() -> None:
        async with Stopwatch(30).within(0.02):
            try:
                await asyncio.sleep(5)
            except asyncio.CancelledError:
                raise ConnectionResetError from None

    with pytest.raises(ConnectionResetError):
        await asyncio.create_task(step())
