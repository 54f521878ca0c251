"""Forecasts the tasks of a JSON file with other people's tools, one core each.

Usage: peers.py TASKS ARIMA_SERIES < nothing > RESULTS. Seconds are those on the processor, after a first run on one
series that pays for compilation.
"""

import json
import os
import sys
import time
import warnings
from importlib.metadata import version

for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["NIXTLA_ID_AS_COL"] = "1"
warnings.filterwarnings("ignore")

import lightgbm as lgb  # noqa: E402
import pandas as pd  # noqa: E402
from mlforecast import MLForecast  # noqa: E402
from mlforecast.lag_transforms import RollingMean  # noqa: E402
from mlforecast.target_transforms import Differences  # noqa: E402
from statsforecast import StatsForecast  # noqa: E402
from statsforecast.models import MSTL, AutoARIMA, AutoETS, AutoTheta, SeasonalNaive  # noqa: E402


def frame(series):
    parts = [pd.DataFrame({"unique_id": k, "ds": range(len(v)), "y": v}) for k, v in series.items()]
    return pd.concat(parts, ignore_index=True)


def collect(out, column):
    return {k: [float(x) for x in g[column]] for k, g in out.groupby("unique_id")}


def statistical(model, alias):
    def run(series, h):
        sf = StatsForecast(models=[model], freq=1, n_jobs=1, fallback_model=SeasonalNaive(24))
        return collect(sf.forecast(df=frame(series), h=h), alias)
    return run


def gradient_boosting(series, h):
    # The settings of mlforecast's own test on M4 Hourly.
    model = lgb.LGBMRegressor(n_estimators=200, num_leaves=2500, n_jobs=1, verbosity=-1, random_state=0)
    mlf = MLForecast(
        models={"lgb": model}, freq=1, lags=list(range(24, 337, 24)),
        lag_transforms={24: [RollingMean(168), RollingMean(336)]}, target_transforms=[Differences([24])],
    )
    mlf.fit(frame(series), static_features=[])
    return collect(mlf.predict(h), "lgb")


def main():
    tasks = json.load(open(sys.argv[1], encoding="utf-8"))
    few = int(sys.argv[2])
    peers = {
        "SeasonalNaive": (statistical(SeasonalNaive(24), "SeasonalNaive"), None),
        "AutoTheta": (statistical(AutoTheta(24), "AutoTheta"), None),
        "MSTL": (statistical(MSTL([24, 168]), "MSTL"), None),
        "LightGBM": (gradient_boosting, None),
        "AutoETS": (statistical(AutoETS(24), "AutoETS"), None),
        "AutoARIMA": (statistical(AutoARIMA(season_length=24), "AutoARIMA"), few),
    }
    results = {"versions": {p: version(p) for p in ("statsforecast", "mlforecast", "lightgbm")}, "runs": []}
    for task in tasks:
        for name, (run, limit) in peers.items():
            series = dict(list(task["series"].items())[:limit])
            if not series:
                continue
            if name != "AutoARIMA":
                run(dict(list(series.items())[:1]), task["horizon"])
            at = time.process_time()
            forecasts = run(series, task["horizon"])
            seconds = time.process_time() - at
            print(f"{task['name']}: {name} on {len(series)} series, {seconds:.1f} s", file=sys.stderr, flush=True)
            results["runs"].append({"set": task["name"], "peer": name, "seconds": seconds, "forecasts": forecasts})
    json.dump(results, sys.stdout)


main()
