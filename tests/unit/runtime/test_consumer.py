"""How a worker says what happens to its tasks: together with what happens soon after, and before it ends."""

from celery import Celery
from celery.events import Event
from kombu.asynchronous import Hub
from kombu.asynchronous.timer import Timer

from pkgintel.runtime import consumer
from pkgintel.runtime.consumer import Consumer
from tests.support.waiting import until


class Heard:
    """A worker's consumer without a worker, and what it says of tasks, one list for each message."""

    def __init__(self) -> None:
        self.app = Celery(broker="memory://", set_as_current=False)
        self.hub = Hub(timer=Timer())
        worker = self.app.WorkController(pool="solo", concurrency=1)
        self.consumer = Consumer(print, app=self.app, hub=self.hub, controller=worker)
        self.messages: list[list[Event]] = []
        listening = self.app.connection_for_read()
        self.queue = self.app.events.Receiver(listening).queue(listening.default_channel)
        self.queue.declare()
        self.consumer.event_dispatcher = self.app.events.Dispatcher(
            self.app.connection_for_write(),
            buffer_group=["task"],
            on_send_buffered=self.consumer.on_send_event_buffered,
        )

    def say(self, *names: str) -> None:
        for name in names:
            self.consumer.event_dispatcher.send(name, uuid="one")

    def names(self) -> list[list[str]]:
        """What was said so far, message by message."""
        while (message := self.queue.get()) is not None:
            self.messages.append(message.payload)
        return [[event["type"] for event in events] for events in self.messages]

    def turn(self) -> None:
        """What the loop of a worker does when a timer is due."""
        self.hub.fire_timers()


def test_what_happens_to_a_task_in_a_moment_is_one_message() -> None:
    heard = Heard()
    heard.say("task-received", "task-started", "task-succeeded")
    assert heard.names() == []
    until(lambda: heard.turn() or heard.names(), "the events are sent")
    assert heard.names() == [["task-received", "task-started", "task-succeeded"]]
    heard.say("task-received")
    until(lambda: heard.turn() or len(heard.names()) == 2, "the next event is sent")
    assert consumer.TOGETHER <= 0.2, "nobody sees that it came later"


def test_what_happened_to_the_last_tasks_is_said_before_the_end() -> None:
    heard = Heard()
    heard.say("task-succeeded")
    heard.consumer.shutdown()
    assert heard.names() == [["task-succeeded"]]
