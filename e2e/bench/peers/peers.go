// Package peers runs statsforecast, mlforecast and LightGBM on the tasks of package bench, in a virtual environment of
// their own.
package peers

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/bellwether-forecast/bellwether/e2e/bench"
)

//go:embed peers.py
var script []byte

//go:embed requirements.txt
var requirements []byte

// ErrInstall is returned when the packages could not be fetched.
var ErrInstall = errors.New("peers: PyPI was not reached, or has not what is asked of it")

// Run is what one peer made of a set.
type Run struct {
	Set       string               `json:"set"`
	Peer      string               `json:"peer"`
	Seconds   float64              `json:"seconds"` // on the processor
	Forecasts map[string][]float64 `json:"forecasts"`
}

// Results are all runs, and which versions of what made them.
type Results struct {
	Versions map[string]string `json:"versions"`
	Runs     []Run             `json:"runs"`
}

// Environment is a Python virtual environment with the peers.
type Environment struct {
	dir string
	log io.Writer
}

// Install makes the environment in dir, or brings the one that is there up to date.
func Install(ctx context.Context, dir string, log io.Writer) (Environment, error) {
	e := Environment{dir: dir, log: log}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return e, fmt.Errorf("environment: %w", err)
	}
	wanted := filepath.Join(dir, "requirements.txt")
	if err := os.WriteFile(wanted, requirements, 0o600); err != nil {
		return e, fmt.Errorf("environment: %w", err)
	}
	if err := e.run(ctx, nil, "python3", "-m", "venv", dir); err != nil {
		return e, fmt.Errorf("python3 -m venv: %w", err)
	}
	if err := e.run(ctx, nil, e.python(), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", wanted); err != nil {
		return e, fmt.Errorf("%w: %w", ErrInstall, err)
	}
	return e, nil
}

func (e Environment) python() string { return filepath.Join(e.dir, "bin", "python") }

// task is a bench.Set as the script reads it.
type task struct {
	Name    string               `json:"name"`
	Horizon int                  `json:"horizon"`
	Series  map[string][]float64 `json:"series"`
}

// Forecast has every peer forecast all sets, AutoARIMA only the first series of each, since it takes minutes for one.
func (e Environment) Forecast(ctx context.Context, sets []bench.Set, arima int) (Results, error) {
	var tasks []task
	for _, s := range sets {
		t := task{Name: s.Name, Horizon: s.Horizon, Series: map[string][]float64{}}
		for _, x := range s.Tasks {
			t.Series[x.ID] = x.Train
		}
		tasks = append(tasks, t)
	}
	in, err := json.Marshal(tasks)
	if err != nil {
		return Results{}, fmt.Errorf("tasks: %w", err)
	}
	tasksFile, program, answer := filepath.Join(e.dir, "tasks.json"), filepath.Join(e.dir, "peers.py"), filepath.Join(e.dir, "results.json")
	if err := errors.Join(os.WriteFile(tasksFile, in, 0o600), os.WriteFile(program, script, 0o600)); err != nil {
		return Results{}, fmt.Errorf("environment: %w", err)
	}
	out, err := os.Create(answer)
	if err != nil {
		return Results{}, fmt.Errorf("environment: %w", err)
	}
	if err := errors.Join(e.run(ctx, out, e.python(), program, tasksFile, strconv.Itoa(arima)), out.Close()); err != nil {
		return Results{}, fmt.Errorf("peers.py: %w", err)
	}
	b, err := os.ReadFile(answer)
	if err != nil {
		return Results{}, fmt.Errorf("results: %w", err)
	}
	var r Results
	if err := json.Unmarshal(b, &r); err != nil {
		return Results{}, fmt.Errorf("results: %w", err)
	}
	return r, nil
}

func (e Environment) run(ctx context.Context, out io.Writer, name string, args ...string) error {
	c := exec.CommandContext(ctx, name, args...)
	c.Stdout, c.Stderr = e.log, e.log
	if out != nil {
		c.Stdout = out
	}
	return c.Run()
}
