// Package benchtrain measures the trainer and the forecaster without bus and store: how many series a core trains in a
// second, with all backtests and the fits of champion and challenger; what a forecast takes when an observation comes, with
// the scores of the open ones; and the memory that the forecaster holds for them.
package benchtrain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/bellwether-forecast/bellwether/e2e/bench"
	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/series/seriestest"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
	"github.com/bellwether-forecast/bellwether/services/forecaster"
	"github.com/bellwether-forecast/bellwether/services/trainer"
)

type flags struct {
	Series int `help:"Series to train and forecast." default:"500"`
	Hours  int `help:"Hours replayed after the training of each: observation, scores, forecast; from 96 on as many forecasts are open as ever." default:"100"`
	Of     int `help:"Series to extrapolate to." default:"10000"`
}

// Main runs the benchmark as a command and returns the exit code.
func Main(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var f flags
	p, err := kong.New(&f, kong.Name("benchtrain"), kong.Description("Measure what training and forecasting thousands of series takes, on one core."), kong.Writers(stdout, stderr))
	if err == nil {
		_, err = p.Parse(args)
	}
	if err == nil {
		runtime.GOMAXPROCS(1)
		err = run(ctx, f, stdout, stderr)
	}
	if err != nil {
		fmt.Fprintln(stderr, "benchtrain:", err)
		return 1
	}
	return 0
}

// trainingHours is the history of each series, the longest that the trainer looks at by default.
const trainingHours = 9600

// result is what one series took.
type result struct {
	train, forecast time.Duration // on the processor
	forecasts       int
	champion        string
}

func run(ctx context.Context, f flags, stdout, stderr io.Writer) error {
	if f.Series < 1 || f.Hours < 1 || f.Of < 1 {
		return errors.New("series, hours and of must be positive")
	}
	windows, kind, err := windows(f.Series, trainingHours+f.Hours)
	if err != nil {
		return err
	}
	var tc trainer.Config
	var fc forecaster.Config
	if err := errors.Join(kong.ApplyDefaults(&tc), kong.ApplyDefaults(&fc)); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s %s/%s; %d windows of %d hours of %s series, %d origins, one core\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, len(windows), trainingHours, kind, tc.Origins)
	record := &memory{artifacts: map[string][]byte{}}
	shop, desk := trainer.New(tc, "bench", "bench", record, record), forecaster.New(fc, "bench", record, record)
	var sum result
	champions := map[string]int{}
	before, objects := heap(), 0
	for i, y := range windows {
		clear(record.artifacts)
		record.y, record.found = y.Slice(0, trainingHours), false
		r, err := one(ctx, shop, desk, record, y)
		if err != nil {
			return fmt.Errorf("%s: %w", y.ID, err)
		}
		for _, data := range record.artifacts {
			objects += len(data)
		}
		sum.train += r.train
		sum.forecast += r.forecast
		sum.forecasts += r.forecasts
		champions[r.champion]++
		if (i+1)%25 == 0 {
			fmt.Fprintf(stderr, "%d of %d series\n", i+1, len(windows))
		}
	}
	clear(record.artifacts)
	n := float64(len(windows))
	rate := n / sum.train.Seconds()
	memory := float64(heap()-before) / 1e6 / n * 1000
	runtime.KeepAlive(desk)
	fmt.Fprintf(stdout, "champions: %v\n", champions)
	fmt.Fprintf(stdout, "objects: %.0f KB a series and training\n", float64(objects)/1e3/n)
	fmt.Fprintf(stdout, "extrapolated: %d series take %.0f core-minutes to train, %.1f core-seconds to forecast each hour, and %.1f GB in the forecaster\n",
		f.Of, float64(f.Of)/rate/60, float64(f.Of)*sum.forecast.Seconds()/float64(sum.forecasts), memory*float64(f.Of)/1e6)
	fmt.Fprintf(stdout, "bench_train: series=%d series_per_s_core=%.2f forecast_ms=%.2f mb_per_1000=%.0f\n",
		len(windows), rate, 1000*sum.forecast.Seconds()/float64(sum.forecasts), memory)
	return nil
}

// heap returns the bytes of live objects.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) //nolint:gosec // far below its limit
}

// one trains a series on all of y but its last hours, and then replays these.
func one(ctx context.Context, shop *trainer.Workshop, desk *forecaster.Desk, record *memory, y series.Series) (result, error) {
	var out result
	end := record.y.End()
	at := bench.CPUTime()
	job := forecast.Job{Series: y.ID, ID: "bench", Reason: forecast.ColdStart, AsOf: end.Add(y.Step), RequestedAt: end, RequestedBy: "bench"}
	trained, err := shop.Handle(ctx, stage.Message{Data: wire.EncodeJob(job), Time: end})
	if err != nil {
		return out, err
	}
	out.train = bench.CPUTime() - at
	if len(trained.Rows) == 0 || trained.Out[0].Subject != wire.Model(y.ID) {
		return out, errors.New("it could not be trained")
	}
	if err := record.announced(trained.Out[0].Data); err != nil {
		return out, err
	}
	out.champion = string(record.champion.Kind)
	full := record.y
	for i := full.Len(); i < y.Len(); i++ {
		record.y = y.Slice(0, i+1)
		b := series.Batch{
			Series: y.ID, SchemaVersion: series.SchemaVersion, Unit: y.Unit, Zone: y.Location().String(), Step: y.Step,
			KnownAt: y.Time(i).Add(y.Step), Origin: series.Refresh, Obs: []series.Observation{{TS: y.Time(i), Value: y.Values[i]}},
		}
		at := bench.CPUTime()
		r, err := desk.Observations().Handle(ctx, stage.Message{Data: wire.EncodeBatch(b), Time: b.KnownAt})
		if err != nil {
			return out, err
		}
		if i == full.Len() {
			continue // the first builds what the others find
		}
		out.forecast += bench.CPUTime() - at
		for _, m := range r.Out {
			if m.Subject == wire.Forecast(y.ID) {
				out.forecasts++
			}
		}
	}
	if out.forecasts == 0 {
		return out, errors.New("it was not forecast")
	}
	return out, nil
}

// windows returns n stretches of hours of real demand, each a series of its own, or of generated series when the data are
// not at hand. More than the data have without overlap begin a few weeks apart.
func windows(n, hours int) (out []series.Series, kind string, err error) {
	areas, err := bench.Areas()
	if errors.Is(err, bench.ErrNoData) {
		for i := range n {
			y := series.Series{ID: series.ID{Source: "generated", Key: strconv.Itoa(i)}, Unit: "MWh", Start: time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC), Step: time.Hour}
			out = append(out, seriestest.Generate(y, hours, uint64(i))) //nolint:gosec // an index
		}
		return out, "generated", nil
	}
	if err != nil {
		return nil, "", err
	}
	per := (n + len(areas) - 1) / len(areas)
	for _, a := range areas {
		y := a.Demand
		if y.Len() < hours {
			return nil, "", fmt.Errorf("%s has %d hours, want %d", y.ID, y.Len(), hours)
		}
		for k := range per {
			from := 0
			if per > 1 {
				from = k * (y.Len() - hours) / (per - 1)
			}
			w := y.Slice(from, from+hours)
			w.ID.Key = fmt.Sprintf("%s-%d", y.ID.Key, k)
			// Areas in which weeks are missing train on less, or not at all: they are no measure.
			if len(out) < n && w.Tail(28*24).Observed() > 27*24 && 10*w.Observed() > 9*w.Len() {
				out = append(out, w)
			}
		}
	}
	return out, "real", nil
}
