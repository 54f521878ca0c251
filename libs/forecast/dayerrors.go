package forecast

import "time"

// DayErrors sums up the scores of one local day of targets at some horizons. Errors are scaled, as in record.Score.
type DayErrors struct {
	Day     time.Time // local midnight
	Later   bool      // horizons beyond a day ahead; otherwise those up to a day
	Targets int       // targets that were scored
	Scores  int       // forecasts of them
	Error   float64   // mean absolute error
	Bias    float64   // mean of actual less forecast
	Covered float64   // share of scores within the interval of 90 %
}
