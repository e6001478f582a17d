"""Overload is not censorship: gates close when the loop comes late, and what was seen meanwhile says so."""

import asyncio
import time

import pytest

from checks.engine.batch import measure_all
from checks.engine.flow import Gate, flowing
from checks.engine.stopwatch import Stopwatch
from tests.servers import SITE, Servers, page


async def test_a_gate_lets_in_as_many_as_its_size_and_first_come_first():
    gate = Gate(2, growth=1)
    order: list[int] = []
    inside = most = 0

    async def one(number: int) -> None:
        nonlocal inside, most
        async with gate:
            inside += 1
            most = max(most, inside)
            order.append(number)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*map(one, range(10)))
    assert (most, order) == (2, list(range(10)))


async def test_whoever_gives_up_waiting_takes_no_place():
    gate = Gate(1, growth=1)
    async with gate:
        waiting = [asyncio.create_task(gate.__aenter__()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
    await asyncio.wait(waiting[:2])
    assert [task.cancelled() for task in waiting[:2]] == [True, False]
    assert not waiting[2].done()
    await gate.__aexit__()
    await waiting[2]
    await gate.__aexit__()
    async with asyncio.timeout(1), gate:
        pass


async def test_one_cancelled_at_the_very_moment_of_its_turn_gives_it_back():
    gate = Gate(1, growth=1)
    await gate.__aenter__()
    waiting = asyncio.create_task(gate.__aenter__())
    await asyncio.sleep(0)
    await gate.__aexit__()  # it is the task's turn now,
    waiting.cancel()  # and it never learns of it
    await asyncio.wait([waiting])
    async with asyncio.timeout(1), gate:
        pass


async def test_a_gate_closes_while_the_loop_is_late_and_opens_for_those_who_wait():
    gate = Gate(64, growth=1.1, floor=16, ceiling=100)
    for _ in range(10):
        gate.steer(1.0)
    assert gate.size == 16
    gate.steer(0.0)
    assert gate.size == 16  # nobody waits
    inside = [asyncio.create_task(gate.__aenter__()) for _ in range(200)]
    await asyncio.sleep(0)
    for _ in range(60):
        gate.steer(0.0)
    await asyncio.sleep(0)
    assert gate.size == 100
    assert sum(task.done() for task in inside) == 100
    for task in inside:
        task.cancel()


async def test_waiting_for_a_turn_moves_the_deadline_on():
    gate = Gate(1, growth=1)
    watch = Stopwatch(0.2)
    await gate.__aenter__()
    asyncio.get_running_loop().call_later(0.3, asyncio.create_task, _leave(gate))
    async with watch.turn(gate), watch.within(0.1):  # it waited for longer than the measurement may take
        await asyncio.sleep(0.01)


async def _leave(gate: Gate) -> None:
    await gate.__aexit__()


async def test_a_late_loop_is_remembered_for_the_moments_when_it_was_late():
    loop = asyncio.get_running_loop()
    async with flowing() as flow:
        await asyncio.sleep(0.1)
        before = loop.time()
        time.sleep(0.6)  # noqa: ASYNC251 (as a garbage collector or a busy neighbour does)
        assert flow.late(before, loop.time()) > 0.4  # also before the next beat
        await asyncio.sleep(0.2)
        after = loop.time()
        await asyncio.sleep(0.1)
        assert 0.4 < flow.late(before, after) < 0.8
        assert flow.late(after, loop.time()) == 0
        assert flow.worst > 0.4


@pytest.mark.parametrize(("seconds", "overloaded"), [(0.9, False), (2.0, True), (8.0, False)])
async def test_a_step_is_ours_when_we_were_late_for_a_tenth_of_it(seconds, overloaded):
    """Too short to be slow; late for a third of it; late for a twelfth of it."""
    async with flowing() as flow:
        await asyncio.sleep(0.1)
        begin = asyncio.get_running_loop().time()
        time.sleep(0.65)  # noqa: ASYNC251 (that is what is tested)
        await asyncio.sleep(0.1)
        assert flow.overloaded(begin, begin + seconds) is overloaded


async def test_what_lasted_long_while_the_loop_was_late_says_so():
    async def busy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        time.sleep(1.2)  # noqa: ASYNC251 (that is what is tested)
        await page()(reader, writer)

    async with Servers() as net:
        await net.name(SITE)
        await net.web(busy)
        [measurement] = await measure_all([("site.kz", ())], net.world())
    assert measurement.overloaded


async def test_hundreds_in_flight_lose_none():
    async with Servers() as net:
        await net.name(SITE)
        await net.tcp(page(), 80)
        jobs = [(f"http://site{number}.kz/", ()) for number in range(400)]
        measurements = await measure_all(jobs, net.world(), in_flight=400)
    assert [m.failure for m in measurements if not m.overloaded and m.failure] == []
    assert len(measurements) == 400


async def test_when_most_answers_take_many_round_trips_less_is_in_flight_and_long_steps_are_ours():
    async with flowing() as flow:
        before, begin = flow.secured.size, asyncio.get_running_loop().time()
        for _ in range(32):
            flow.answered(0.2, 3.0)
        assert flow.secured.size == before // 2
        assert flow.overloaded(begin, begin + 10)
        assert not flow.overloaded(begin, begin + 0.5)
        assert not flow.overloaded(begin, begin + 10, timed_out=False)  # names that a censor slows down look the same


async def test_a_few_slow_sites_are_slow_by_themselves():
    async with flowing() as flow:
        before, begin = flow.secured.size, asyncio.get_running_loop().time()
        for number in range(64):
            flow.answered(0.2, 9.0 if number % 3 == 0 else 0.3)
        assert flow.secured.size == before
        assert not flow.overloaded(begin, begin + 10)


async def test_a_lag_counts_for_the_steps_that_it_overlaps_and_no_others():
    async with flowing() as flow:
        now = asyncio.get_running_loop().time()
        flow._late.append((now - 3, now - 1))
        assert [flow.late(now - 9, now - 4), flow.late(now - 4, now - 2), flow.late(now - 0.9, now)] == [0, 1, 0]


async def test_waits_side_by_side_move_the_deadline_once():
    gate = Gate(1, growth=1)
    watch = Stopwatch(10.0)
    end = watch._end
    await gate.__aenter__()

    async def wait() -> None:
        async with watch.turn(gate):
            pass

    waiting = [asyncio.create_task(wait()) for _ in range(6)]
    await asyncio.sleep(0.2)
    await gate.__aexit__()
    await asyncio.gather(*waiting)
    assert 0.15 < watch._end - end < 0.6  # six waits of a fifth of a second
