// Package config reads the settings of Gatehouse and refuses the unsafe ones.
//
// It owns [Config], the one struct in which every setting is declared and
// explained; where a value may come from (flags over environment over file over
// defaults); the judgement of the whole, which names every problem at once and
// what to do about it; and [Secret], a text that prints as redacted.
//
// A key or a GATEHOUSE_ variable that it does not know is an error, not a
// setting without effect. It refuses to connect, to listen or to log. It may be
// imported by cmd alone: packages below are handed the values that they need.
//
// docs/configuration.md and usage.go are generated from the comments of
// [Config]; a test holds them fresh.
package config

//go:generate go run ./gen
