package model_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/model"
	"github.com/bellwether-forecast/bellwether/libs/series"
)

func TestSnapshotRoundTrip(t *testing.T) {
	y := demandLike(9600)
	for _, f := range append(model.Candidates(), model.ARRidge{Periodic: -1, Yearly: -1}, model.LEAR{Seasonal: true}) {
		t.Run(string(f.Kind()), func(t *testing.T) {
			m, err := f.Fit(y)
			if err != nil {
				t.Fatal(err)
			}
			again, err := f.Fit(y)
			if err != nil {
				t.Fatal(err)
			}
			b := mustEncode(t, m)
			if !bytes.Equal(b, mustEncode(t, again)) {
				t.Error("the same fit gives other bytes")
			}
			back, err := model.Decode(b)
			if err != nil {
				t.Fatal(err)
			}
			if back.Kind() != f.Kind() || back.History() != m.History() {
				t.Errorf("decoded %s with history %d, want %s with %d", back.Kind(), back.History(), f.Kind(), m.History())
			}
			if !bytes.Equal(b, mustEncode(t, back)) {
				t.Error("encoding what was decoded gives other bytes")
			}
			want, err := m.Forecast(y, 48)
			if err != nil {
				t.Fatal(err)
			}
			got, err := back.Forecast(y, 48)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("forecast mismatch (-fitted +decoded):\n%s", diff)
			}
		})
	}
}

func mustEncode(t *testing.T, m model.Forecaster) []byte {
	t.Helper()
	b, err := model.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type foreign struct{ model.SeasonalNaive }

func TestEncodeForeign(t *testing.T) {
	if _, err := model.Encode(foreign{}); !errors.Is(err, model.ErrKind) {
		t.Errorf("Encode = %v, want ErrKind", err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	m, err := model.ARRidge{}.Fit(demandLike(2000))
	if err != nil {
		t.Fatal(err)
	}
	good := string(mustEncode(t, m))
	for name, tc := range map[string]struct {
		snapshot string
		want     error
	}{
		"nothing":          {"", model.ErrVersion},
		"not json":         {"champion", model.ErrSnapshot},
		"cut off":          {good[:len(good)/2], model.ErrSnapshot},
		"text after it":    {good + "x", model.ErrSnapshot},
		"newer version":    {strings.Replace(good, `"version":1`, `"version":2`, 1), model.ErrVersion},
		"unknown kind":     {strings.Replace(good, `"kind":"ar_ridge"`, `"kind":"oracle"`, 1), model.ErrKind},
		"unknown field":    {strings.Replace(good, `"lags"`, `"lagz"`, 1), model.ErrSnapshot},
		"step":             {strings.Replace(good, `"step":3600000000000`, `"step":7`, 1), model.ErrSnapshot},
		"no lags":          {strings.Replace(good, `"lags":[1,2,3,24,25,48,168,169]`, `"lags":[]`, 1), model.ErrSnapshot},
		"lag of 0":         {strings.Replace(good, `"lags":[1,`, `"lags":[0,`, 1), model.ErrSnapshot},
		"lag missing":      {strings.Replace(good, `"lags":[1,2,`, `"lags":[2,`, 1), model.ErrSnapshot},
		"Fourier pairs":    {strings.Replace(good, `"yearly":0`, `"yearly":-1`, 1), model.ErrSnapshot},
		"scale":            {strings.Replace(good, `"unit":1`, `"unit":0`, 1), model.ErrSnapshot},
		"naive period":     {`{"version":1,"kind":"snaive_0","model":{}}`, model.ErrKind},
		"kind and content": {`{"version":1,"kind":"snaive_24","model":{"period":168}}`, model.ErrKind},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.snapshot == good {
				t.Fatal("the case does not change the snapshot")
			}
			if _, err := model.Decode([]byte(tc.snapshot)); !errors.Is(err, tc.want) {
				t.Errorf("Decode = %v, want %v", err, tc.want)
			}
		})
	}
}

func TestFitterFor(t *testing.T) {
	for _, f := range model.Candidates() {
		got, err := model.FitterFor(f.Kind(), f.Params())
		if err != nil {
			t.Fatal(err)
		}
		if got.Kind() != f.Kind() || got.Params() != f.Params() {
			t.Errorf("got %s %s, want %s %s", got.Kind(), got.Params(), f.Kind(), f.Params())
		}
		if plain, err := model.FitterFor(f.Kind(), ""); err != nil || plain.Params() != f.Params() {
			t.Errorf("without params: %v, %v", plain, err)
		}
	}
	for kind, params := range map[model.Kind]string{
		"arima": "", "snaive_": "", "snaive_-1": "", "ar_ridge": `{"lamda":1}`, "how_mean": `[]`, "snaive_24": `{"period":7}`, "ar_ridge_week": `{} {}`,
	} {
		if _, err := model.FitterFor(kind, params); err == nil {
			t.Errorf("FitterFor(%s, %s) found one", kind, params)
		}
	}
}

// FuzzModels: whatever the values, no candidate panics, and one that fits gives finite forecasts that survive a snapshot.
func FuzzModels(f *testing.F) {
	f.Add([]byte{}, uint16(0))
	f.Add([]byte{1}, uint16(700))
	f.Add([]byte{10, 20, 30, 40, 250, 251, 252, 253, 254, 255, 0}, uint16(900))
	f.Add([]byte{252, 253, 48, 255, 48}, uint16(900)) // sums of the largest numbers overflow
	f.Add(bytes.Repeat([]byte{255, 9, 8}, 90), uint16(800))
	f.Add(append(bytes.Repeat([]byte{7}, 500), bytes.Repeat([]byte{255}, 168)...), uint16(668))
	special := map[byte]float64{250: 0, 251: -3, 252: 1e308, 253: -1e308, 254: 5e-324, 255: nan}
	f.Fuzz(func(t *testing.T, b []byte, n uint16) {
		y := series.Series{Start: monday, Step: 3600e9}
		for i := range int(n) % 1200 {
			v := nan
			if len(b) > 0 {
				v = 10 + float64(b[i%len(b)])
				if s, ok := special[b[i%len(b)]]; ok {
					v = s
				}
			}
			y.Values = append(y.Values, v)
		}
		for _, c := range model.Candidates() {
			m, err := c.Fit(y)
			if err != nil {
				continue
			}
			out, err := m.Forecast(y, 50)
			if err != nil {
				if !errors.Is(err, model.ErrTooShort) {
					t.Errorf("%s: %v", c.Kind(), err)
				}
				continue
			}
			if i := slices.IndexFunc(out, func(v float64) bool { return v-v != 0 }); i >= 0 || len(out) != 50 {
				t.Errorf("%s: %d values, the first that is not finite at %d", c.Kind(), len(out), i)
			}
			if _, err := model.Decode(mustEncode(t, m)); err != nil {
				t.Errorf("%s: %v", c.Kind(), err)
			}
		}
	})
}

func BenchmarkFit(b *testing.B) {
	y := demandLike(9600)
	for _, f := range model.Candidates() {
		b.Run(string(f.Kind()), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f.Fit(y); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkForecast(b *testing.B) {
	y := demandLike(9600)
	for _, f := range model.Candidates() {
		m, err := f.Fit(y)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(string(f.Kind()), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.Forecast(y, 48); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
