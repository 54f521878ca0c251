// Package artifact is the fitted model as it lies in the object store: parameters, intervals and the scale of errors.
package artifact

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/bellwether-forecast/bellwether/libs/eval"
	"github.com/bellwether-forecast/bellwether/libs/model"
)

// Version of the encoding. Decode refuses others.
const Version = 1

// ErrVersion is returned for an artifact written by an unknown version of the code.
var ErrVersion = errors.New("artifact: unknown version")

// Artifact is all that is needed to serve a model.
type Artifact struct {
	Series     string // whose model it is: no two series share an artifact, so that one can be removed
	Forecaster model.Forecaster
	Conformal  eval.Conformal
	// MAE[h-1] is the backtest's mean absolute error at horizon h, in the unit of the series: the scale of live errors.
	MAE []float64
	// Residuals are those of the backtest by buckets of Bucket horizons, from which adaptive intervals start; relative
	// where Conformal is. Nil in artifacts of before.
	Residuals [][]float32
}

// Bucket is the number of horizons that share residuals.
const Bucket = 6

type encoded struct {
	Version   int             `json:"version"`
	Series    string          `json:"series,omitempty"`
	Model     json.RawMessage `json:"model"`
	Conformal eval.Conformal  `json:"conformal"`
	MAE       []float64       `json:"mae"`
	Residuals [][]float32     `json:"residuals,omitempty"`
}

// Encode returns the bytes of a and their SHA-256 in hex. The same artifact has the same bytes.
func Encode(a Artifact) ([]byte, string, error) {
	m, err := model.Encode(a.Forecaster)
	if err != nil {
		return nil, "", fmt.Errorf("artifact: %w", err)
	}
	data, err := json.Marshal(encoded{Version: Version, Series: a.Series, Model: m, Conformal: a.Conformal, MAE: a.MAE, Residuals: a.Residuals})
	if err != nil {
		return nil, "", fmt.Errorf("artifact: %w", err)
	}
	sum := sha256.Sum256(data)
	return data, hex.EncodeToString(sum[:]), nil
}

// Decode reads an artifact. It returns ErrVersion for bytes of another version.
func Decode(data []byte) (Artifact, error) {
	var e encoded
	if err := json.Unmarshal(data, &e); err != nil {
		return Artifact{}, fmt.Errorf("artifact: %w", err)
	}
	if e.Version != Version {
		return Artifact{}, fmt.Errorf("version %d, want %d: %w", e.Version, Version, ErrVersion)
	}
	f, err := model.Decode(e.Model)
	if err != nil {
		return Artifact{}, fmt.Errorf("artifact: %w", err)
	}
	return Artifact{Series: e.Series, Forecaster: f, Conformal: e.Conformal, MAE: e.MAE, Residuals: e.Residuals}, nil
}

// Name returns the object's name for a digest.
func Name(sha256Hex string) string { return "model/" + sha256Hex }
