"""Writes oracle.json, see README.md."""

import json
import sys
from importlib.metadata import version

import numpy as np
from statsforecast.models import AutoETS, DynamicOptimizedTheta, SeasonalNaive
from statsmodels.tsa.seasonal import MSTL, STL


def two_seasons(n):
    """Hours with a day, a week, a slope and a chirp for noise."""
    i = np.arange(n, dtype=float)
    return 10 + 0.01 * i + 3 * np.sin(2 * np.pi * i / 24) + np.sin(2 * np.pi * i / 168) + 0.1 * np.sin(i * i)


def yearly(n):
    """A trend that bends, with a chirp for noise."""
    i = np.arange(n, dtype=float)
    return 100 + 40 * np.log1p(i) + 3 * np.sin(i * i)


def monthly(n):
    """The same with a multiplicative season of twelve."""
    i = np.arange(n, dtype=float)
    return yearly(n) * (1 + 0.2 * np.sin(2 * np.pi * i / 12))


def forecast(model, y, h):
    return [round(float(v), 9) for v in model.forecast(y=y, h=h)["mean"]]


def pick(v, *at):
    return [round(float(v[i]), 9) for i in at]


AT = (0, 1, 23, 24, 400, 401, 700, 958, 959)
y = two_seasons(960)
stl = STL(y, period=24, seasonal=11, seasonal_jump=2, trend_jump=5, low_pass_jump=3).fit(inner_iter=2, outer_iter=0)
mstl = MSTL(y, periods=[24, 168], windows=[11, 15], iterate=2,
            stl_kwargs={"inner_iter": 2, "outer_iter": 0, "seasonal_jump": 2}).fit()
json.dump({
    "versions": {p: version(p) for p in ("statsforecast", "statsmodels", "numpy")},
    "at": AT,
    "stl_season": pick(stl.seasonal, *AT),
    "stl_trend": pick(stl.trend, *AT),
    "mstl_day": pick(mstl.seasonal[:, 0], *AT),
    "mstl_week": pick(mstl.seasonal[:, 1], *AT),
    "theta_yearly": forecast(DynamicOptimizedTheta(season_length=1), yearly(40), 6),
    "theta_monthly": forecast(DynamicOptimizedTheta(season_length=12, decomposition_type="multiplicative"), monthly(120), 18),
    "ets_damped": forecast(AutoETS(season_length=1, model="AAN", damped=True), yearly(40), 6),
    "ets_level": forecast(AutoETS(season_length=1, model="ANN"), 50 + 5 * np.sin(np.arange(60.0) ** 2), 6),
    "snaive": forecast(SeasonalNaive(season_length=24), y, 30),
}, sys.stdout, indent=1)
print()
