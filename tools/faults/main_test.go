package faults

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	code := m.Run()
	_ = os.RemoveAll(programDir) // "" where nothing was built
	os.Exit(code)
}
