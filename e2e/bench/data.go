// Package bench measures the models of Bellwether on public data: M4, M3 and the demand of US balancing authorities.
//
// The data are no part of the project. They lie in the folder that BELLWETHER_DATA names, by default shared/data beside
// the working directory or one of its parents; a benchmark without its data says so and fails.
package bench

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Env names the environment variable with the folder of the data.
const Env = "BELLWETHER_DATA"

// ErrNoData is returned when a file of the data folder is not at hand.
var ErrNoData = errors.New("bench: data not at hand")

// Path returns where the named data file is.
func Path(name string) (string, error) {
	if at := os.Getenv(Env); at != "" {
		if info, err := os.Stat(at); err == nil && !info.IsDir() {
			at = filepath.Dir(at)
		}
		return present(filepath.Join(at, name))
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("working directory: %w", err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if at, err := present(filepath.Join(filepath.Dir(dir), "shared", "data", name)); err == nil {
			return at, nil
		}
	}
	return "", fmt.Errorf("%s: set %s: %w", name, Env, ErrNoData)
}

func present(path string) (string, error) {
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%w: %w", err, ErrNoData)
	}
	return path, nil
}

// rows calls each with the fields of every line of a gzip CSV file without quotes, but the header.
func rows(name string, each func(fields []string) error) error {
	path, err := Path(name)
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	lines.Scan()
	for n := 2; lines.Scan(); n++ {
		if err := each(strings.Split(lines.Text(), ",")); err != nil {
			return fmt.Errorf("%s: line %d: %w", name, n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// numbers reads values that spaces separate.
func numbers(text string) ([]float64, error) {
	words := strings.Fields(text)
	out := make([]float64, len(words))
	for i, w := range words {
		v, err := strconv.ParseFloat(w, 64)
		if err != nil {
			return nil, fmt.Errorf("value %d: %w", i+1, err)
		}
		out[i] = v
	}
	return out, nil
}
