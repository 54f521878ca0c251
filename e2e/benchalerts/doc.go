// Package benchalerts measures the alert core of the monitor against what it promises: named scenarios on a virtual clock,
// random schedules against a plain specification and against Alertmanager, kill -9 of a monitor on a real bus, and load.
package benchalerts
