"""The gauntlet itself: which runs are made, and what follows from each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from mockserver.client.records import RecordedCall
from mockserver.exceptions import BadQuestion, Problem
from mockserver.gauntlet.deviations import Deviation, group, list_failures, list_legal
from mockserver.gauntlet.reports import Report, Result
from mockserver.gauntlet.trials import Trial
from mockserver.suggestions import suggest


@dataclass(frozen=True, slots=True)
class GauntletOptions:
    """What is tried, and for how long.

    `only` is `legal`, `failures` or None for both. `operations` are those that are tried, all that the
    command calls if empty. After `budget_seconds` no run starts. `repeats` is how often a run must fail
    before it counts as failed. `client_timeout_seconds` is how long the client waits for an answer.
    """

    only: str | None = None
    operations: tuple[str, ...] = ()
    workers: int = 1
    budget_seconds: float | None = None
    repeats: int = 1
    client_timeout_seconds: float = 5.0


class _Over(Exception):
    """No further run may start: the budget is used up, or the user has had enough."""


# Runs the client once under deviations. The number tells the attempts of one trial apart.
Run: TypeAlias = Callable[[Sequence[Deviation], int], Trial]


class Gauntlet:
    """Finds out what a client survives, and reports it.

    `name` is the command as the report has it. `run` runs the client once; it is called from many threads
    where there are workers. `notice` hears of each run: how many there
    were, how many deviations are left, and what was tried.
    """

    def __init__(
        self,
        name: Sequence[str],
        run: Run,
        options: GauntletOptions,
        notice: Callable[[int, int, str], None] = lambda runs, left, what: None,
    ) -> None:
        self._name = tuple(name)
        self._run_client = run
        self._options = options
        self._is_stopped = False
        self._notice = notice
        self._lock = threading.Lock()
        self._slots = threading.Semaphore(options.workers)
        self._runs = 0
        self._results: dict[Deviation, Result] = {}
        self._deviations: list[Deviation] = []
        self._plain: Trial | None = None
        self._problem: str | None = None
        self._trials: list[Trial] = []
        self._deadline = None if options.budget_seconds is None else time.monotonic() + options.budget_seconds

    def run(self) -> None:
        """Make every run. Raises BadQuestion for an operation that is not called; see `report`."""
        try:
            if self._run_plain():
                self._find_deviations()
                self._together(self._list_tasks())
        except _Over:
            pass

    def stop(self) -> None:
        """Start no further run, and count none that goes on."""
        self._is_stopped = True

    def report(self) -> Report:
        """What is known so far, in the order of the contract."""
        with self._lock:
            results = [self._results[each] for each in self._deviations if each in self._results]
            untried = [each for each in self._deviations if each not in self._results]
            trials = list(self._trials)
        plain = self._plain
        return Report(
            self._name,
            plain is not None and plain.has_passed,
            () if plain is None else plain.calls,
            tuple(results),
            _audit(trials),
            tuple(untried),
            self._runs,
            self._problem,
            "" if plain is None else plain.output,
        )

    # What is run.

    def _run_plain(self) -> bool:
        first, second = self._try(()), self._try(())
        self._plain = first if second.has_passed else second
        if not (first.has_passed and second.has_passed):
            self._problem = "the command fails without any deviation"
            if first.has_passed or second.has_passed:
                self._problem = "of two plain runs one passes and one fails"
        elif first.signature != second.signature:
            self._problem = "two plain runs make different calls"
        elif not any(call.operation for call in first.calls):
            self._problem = "the command calls no operation of the contract; it finds MOCKSERVER_BASE_URL"
        return self._problem is None

    def _find_deviations(self) -> None:
        assert self._plain is not None, "the plain runs come first"
        called = list(dict.fromkeys(call.operation for call in self._plain.calls if call.operation))
        unknown = [name for name in self._options.operations if name not in called]
        if unknown:
            text = f"the command does not call {unknown[0]!r}; {suggest(unknown[0], called, lists_all=True)}"
            raise BadQuestion([Problem(text, "/operation")])
        for operation in called:
            if self._options.operations and operation not in self._options.operations:
                continue
            if self._options.only != "failures":
                self._deviations += list_legal(self._plain.catalogue, operation)
            if self._options.only != "legal":
                status = next(call.status for call in self._plain.calls if call.operation == operation)
                seconds = self._options.client_timeout_seconds
                self._deviations += list_failures(operation, status or 200, seconds)

    def _list_tasks(self) -> list[Callable[[], object]]:
        """What can be done in any order. The plain run says which answers can occur at all."""
        assert self._plain is not None, "the plain runs come first"
        met = {(call.operation, call.status) for call in self._plain.calls}
        tasks: list[Callable[[], object]] = []
        legal: dict[tuple[str, int], list[Deviation]] = {}
        for deviation in self._deviations:
            if deviation.kind != "legal":
                tasks.append(partial(self._try_failure, deviation))
            elif (deviation.operation, deviation.status) in met:
                legal.setdefault((deviation.operation, deviation.status), []).append(deviation)
            else:
                self._note(deviation, "not reached")
        for deviations in legal.values():
            for members in group(self._plain.catalogue, deviations):
                tasks.append(partial(self._try_legal, members))
        return tasks

    def _together(self, tasks: Sequence[Callable[[], object]]) -> None:
        """Do some things, side by side where there are workers. Raises what the first of them raises."""
        if self._options.workers == 1:
            for task in tasks:
                task()
            return
        with ThreadPoolExecutor(max(1, len(tasks))) as pool:
            futures: list[Future[object]] = [pool.submit(task) for task in tasks]
        for future in futures:
            future.result()

    def _try(self, deviations: Sequence[Deviation]) -> Trial:
        """One run, or more where the command is flaky. Raises _Over when no further run may start."""
        # Plain runs are compared with one another, so each is made once, and with the same values.
        for attempt in range(self._options.repeats if deviations else 1):
            with self._slots:
                is_late = self._deadline is not None and time.monotonic() >= self._deadline
                if self._is_stopped or is_late:
                    raise _Over
                trial = self._run_client(deviations, attempt)
                if self._is_stopped:
                    raise _Over
            with self._lock:
                self._runs += 1
                self._trials.append(trial)
                left = len(self._deviations) - len(self._results)
                self._notice(self._runs, left, describe(deviations))
            if trial.has_passed:
                break
        return trial

    # What follows.

    def _try_legal(self, members: Sequence[Deviation]) -> bool:
        """Try legal answers together; whether they broke the command. Each of them gets its result."""
        trial = self._try(members)
        if len(members) == 1:
            return self._judge_alone(members[0], trial)
        if not trial.has_passed:
            if not self._search(members):
                self._find_together(members)
            return True
        calls = {each: trial.reached(each) for each in members}
        if trial.was_refused and not any(calls.values()):
            # Together they would break the contract, so the answers were plain.
            middle = len(members) // 2
            return any([self._try_legal(members[:middle]), self._try_legal(members[middle:])])
        hidden = [each for each, call in calls.items() if call is None and trial.hides(each)]
        for member, call in calls.items():
            if member not in hidden:
                self._note(member, "not reached" if call is None else "survived", call)
        have_broken = [self._try_legal([member]) for member in hidden]
        return any(have_broken)

    def _search(self, members: Sequence[Deviation]) -> bool:
        """Find those that break the command among members that do so together; False if none does alone."""
        if len(members) == 1:
            return self._judge_alone(members[0], self._try(members))
        middle = len(members) // 2
        if self._try_legal(members[:middle]):
            self._try_legal(members[middle:])
            return True
        # The first half did not break it, so the second does: that need not be tried.
        return self._search(members[middle:])

    def _judge_alone(self, deviation: Deviation, trial: Trial) -> bool:
        call = trial.reached(deviation)
        if call is None:
            self._note(deviation, "not reached")
        elif trial.has_passed:
            self._note(deviation, "survived", call)
        else:
            self._note(deviation, "broke", call, trial.output)
        return call is not None and not trial.has_passed

    def _find_together(self, members: Sequence[Deviation]) -> None:
        """Members break the command, and none of them alone: find a smallest set of them that does."""
        trial = self._try(members)
        if trial.has_passed:
            # The command is flaky; each of them has passed without the others.
            return
        essential: list[Deviation] = []
        pool = list(members)
        while pool:
            # The shortest beginning of the pool that breaks it with what is essential already.
            low, high = 0, len(pool)
            while low < high:
                middle = (low + high) // 2
                tried = self._try([each for each in members if each in (*essential, *pool[:middle])])
                if tried.has_passed:
                    low = middle + 1
                else:
                    high, trial = middle, tried
            if low == 0:
                break
            essential.append(pool[low - 1])
            pool = pool[: low - 1]
        together = [each for each in members if each in essential]
        for each in together:
            others = ", ".join(other.name for other in together if other != each)
            difference = f"only together with {others}\n{each.difference}" if others else None
            self._note(each, "broke", trial.reached(each), trial.output, difference)

    def _try_failure(self, deviation: Deviation) -> None:
        assert self._plain is not None, "the plain runs come first"
        trial = self._try([deviation])
        call = trial.reached(deviation)
        is_repeated = trial.count(deviation.operation) > self._plain.count(deviation.operation)
        if call is None:
            self._note(deviation, "not reached")
        elif not trial.has_passed:
            self._note(deviation, "gave up", call, trial.output)
        elif trial.created_twice > self._plain.created_twice:
            self._note(deviation, "recovered twice", call, trial.output)
        else:
            self._note(deviation, "recovered" if is_repeated else "survived", call)

    def _note(
        self,
        deviation: Deviation,
        outcome: str,
        call: RecordedCall | None = None,
        output: str | None = None,
        difference: str | None = None,
    ) -> None:
        with self._lock:
            self._results[deviation] = Result(
                deviation, outcome, call, difference or deviation.difference, output
            )


def describe(deviations: Sequence[Deviation]) -> str:
    """What a run tries, in a few words."""
    if not deviations:
        return "plain"
    first = deviations[0]
    more = f" and {len(deviations) - 1} more" if len(deviations) > 1 else ""
    return f"{first.operation} {first.status} {first.name}{more}"


def _audit(trials: Sequence[Trial]) -> dict[str, dict[str, object]]:
    ignored = sorted({text for trial in trials for text in trial.ignored_retry_after})
    leaks = sorted({leak for trial in trials for leak in trial.leaks})
    return {
        "retryAfter": {"ok": not ignored, "problems": ignored},
        "leakedKeys": {"ok": not leaks, "problems": leaks},
    }
