"""`zennas latency`: measure and predict how long networks take."""

from __future__ import annotations

import typer

from SearchSpace.base import SPACES
from zennas.cli.latency import adapt, estimate, evaluate, fit, measure, predict, profile, qai_hub, recalibrate
from zennas.cli.listing import listing

app = typer.Typer(no_args_is_help=True, help="Measure and predict how long networks take on a device.")
app.command()(measure.measure)
app.command(cls=listing(space=SPACES.names))(predict.predict)
app.command()(estimate.estimate)
app.command()(profile.profile)
app.command()(fit.fit)
app.command(cls=listing(space=SPACES.names))(adapt.adapt)
app.command(cls=listing(space=SPACES.names))(adapt.suggest)
app.command("qai-hub")(qai_hub.qai_hub)
app.command()(evaluate.evaluate)
app.command()(recalibrate.recalibrate)
app.command()(predict.profiles)
