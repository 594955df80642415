from types import SimpleNamespace

from bioclip_x.testing import conformance

from bioclip_x_my_component import MyComponent

test_it_is_a_callback = conformance("callbacks", "my-component")


def test_a_run_that_diverges_is_stopped() -> None:
    callback = MyComponent(times=2.0)
    for loss in (1.0, 1.9):
        callback.training_step_ended(SimpleNamespace(loss=loss), SimpleNamespace())
    assert not callback.epoch_ended(SimpleNamespace(), SimpleNamespace())
    callback.training_step_ended(SimpleNamespace(loss=2.1), SimpleNamespace())
    assert callback.epoch_ended(SimpleNamespace(), SimpleNamespace())
