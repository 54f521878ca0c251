package benchtables

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/chio"
)

// question is a query that somebody asks, of a series p where it is about one.
type question struct {
	name string
	ask  func(ctx context.Context, in *instance, p plot) error
	// reader says that a reader of package chio asks it.
	reader bool
}

// The names of the questions that the summary cites, and of the pair that tells what the reader costs.
const (
	askTwoYears  = "2 years of a series (reader)"
	askBare      = "2 years of a series (bare SQL)"
	askRecentAll = "28 days of all series"
)

// sql asks a query in which $series stands for a series and $DAYSd for the time that many days before the end.
func sql(name, query string) question {
	return question{name: name, ask: func(ctx context.Context, in *instance, p plot) error {
		q := strings.ReplaceAll(query, "$series", "'"+p.name+"'")
		for _, days := range []int{1, 7, 14, 28} {
			at := hour(hours).AddDate(0, 0, -days)
			q = strings.ReplaceAll(q, fmt.Sprintf("$%dd", days), "toDateTime64('"+at.Format(time.DateTime)+"', 3, 'UTC')")
		}
		out, err := in.store.do(ctx, in.database, q+" FORMAT RowBinary", nil)
		if err == nil && len(out) == 0 {
			err = fmt.Errorf("no rows from %s", q)
		}
		return err
	}}
}

// read asks through a reader of package chio, which returns how much it found.
func read(name string, f func(ctx context.Context, r *chio.Store, p plot) (int, error)) question {
	return question{name: name, reader: true, ask: func(ctx context.Context, in *instance, p plot) error {
		n, err := f(ctx, in.reader, p)
		if err == nil && n == 0 {
			err = fmt.Errorf("%s: nothing found of %s", name, p.name)
		}
		return err
	}}
}

func last() time.Time { return hour(hours - 1) }

// questionsOf returns what is asked of a table: by the services through package chio, by analysts through views.
func questionsOf(table string) []question {
	switch table {
	case "observations":
		return []question{
			read(askTwoYears, func(ctx context.Context, r *chio.Store, p plot) (int, error) {
				y, err := r.History(ctx, p.id, chio.HistoryQuery{})
				return y.Len(), err
			}),
			sql(askBare, "SELECT ts, value FROM observations WHERE series = $series ORDER BY ts"),
			read("28 days of a series (reader)", func(ctx context.Context, r *chio.Store, p plot) (int, error) {
				y, err := r.Tail(ctx, p.id, 28*24)
				return y.Len(), err
			}),
			sql("28 days of a series (view)", "SELECT ts, value FROM v_observations WHERE series = $series AND ts >= $28d ORDER BY ts"),
			sql("last value of a series", "SELECT ts, value FROM v_observations WHERE series = $series ORDER BY ts DESC LIMIT 1"),
			sql(askRecentAll, "SELECT series, ts, value FROM v_observations WHERE ts >= $28d"),
			sql("extent of all series", "SELECT series, count(), min(ts), max(ts) FROM v_observations GROUP BY series"),
		}
	case "observation_revisions":
		return []question{
			read("revisions of 400 days (trainer)", func(ctx context.Context, r *chio.Store, p plot) (int, error) {
				y, err := r.Revisions(ctx, p.id, last().AddDate(0, 0, -400), last(), last())
				return len(y.Revs), err
			}),
			read("as of, 400 days (reader)", func(ctx context.Context, r *chio.Store, p plot) (int, error) {
				y, err := r.Known(ctx, p.id, last().AddDate(0, 0, -400), last(), last())
				return y.Len(), err
			}),
			sql("as of, all of a series (view)", "SELECT ts, argMax(value, known_at) FROM v_revisions WHERE series = $series AND known_at <= $28d GROUP BY ts ORDER BY ts"),
			sql("what became known in a week", "SELECT series, ts, value FROM v_revisions WHERE ts >= $7d AND revision > 1"),
		}
	case "verdicts":
		return []question{
			sql("28 days of a series", "SELECT ts, outcome, checks FROM v_verdicts WHERE series = $series AND ts >= $28d ORDER BY ts"),
			sql("not passed in 28 days", "SELECT series, ts, outcome, checks FROM v_verdicts WHERE outcome != 'pass' AND ts >= $28d"),
			sql("findings by check", "SELECT check, outcome, count() FROM v_verdicts ARRAY JOIN checks AS check GROUP BY check, outcome"),
		}
	case "forecasts":
		return []question{
			read("open forecasts (forecaster)", func(ctx context.Context, r *chio.Store, p plot) (int, error) {
				f, err := r.PendingForecasts(ctx, p.id, last().AddDate(0, 0, -4))
				return len(f), err
			}),
			sql("newest of a series", "SELECT target_ts, mean, p10, p90 FROM v_forecasts_latest WHERE series = $series ORDER BY target_ts"),
			sql("newest of all series", "SELECT series, target_ts, mean, p10, p90 FROM v_forecasts_latest"),
			sql("one target, first to last", "SELECT issued_at, horizon, p05, mean, p95 FROM v_forecasts WHERE series = $series AND target_ts = $1d ORDER BY issued_at"),
		}
	case "scores":
		return []question{
			read("recent errors (forecaster)", func(ctx context.Context, r *chio.Store, p plot) (int, error) {
				e, err := r.ScaledErrors(ctx, p.id, last().AddDate(0, 0, -4))
				return len(e), err
			}),
			sql("daily, a series", "SELECT day, sum(n), sum(mape * n) / sum(n) FROM v_scores_daily WHERE series = $series GROUP BY day ORDER BY day"),
			sql("daily, all series", "SELECT series, day, mape FROM v_scores_daily ORDER BY day DESC, series LIMIT 12"),
			sql("by horizon, a series", "SELECT horizon, count(), avg(abs_error), avg(pinball) FROM v_scores WHERE series = $series GROUP BY horizon ORDER BY horizon"),
			sql("last 7 days, all series", "SELECT series, avgIf(abs(pct_error), isFinite(pct_error)) FROM v_scores WHERE target_ts > $7d GROUP BY series"),
		}
	}
	return []question{
		sql("newest errors", "SELECT at, service, class, code, condition, subject, message FROM v_events WHERE kind = 'error' ORDER BY at DESC LIMIT 20"),
		sql("newest by code", "SELECT at, service, message, attributes FROM v_events WHERE code = 'consumer' ORDER BY at DESC LIMIT 20"),
		sql("lag of a day", "SELECT subject, toStartOfMinute(at) AS minute, max(value) FROM v_events WHERE kind = 'lag' AND at >= $1d GROUP BY subject, minute"),
	}
}

// chosen returns the series that a round asks about, the same for every variant.
func (s story) chosen(round int) plot {
	return s.plots[rand.New(rand.NewPCG(seed, uint64(1000+round))).IntN(len(s.plots))]
}
