//go:build race

package resource

const raceDetector = true
