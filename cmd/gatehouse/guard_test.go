package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestGuard_FileOfRoutes(t *testing.T) {
	h := newHost(t)
	h.fails(exitUsage, `required flag(s) "config" not set`, "guard")
	h.fails(exitFailure, "open routes", "guard", "--config", "/nonexistent")
	file := filepath.Join(t.TempDir(), "routes.yaml")
	for text, want := range map[string]string{
		"upstraem: http://localhost:3000": "field upstraem not found",
		"upstream: http://localhost:3000": file + ": routes: there are none",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		h.fails(exitFailure, want, "guard", "--config", file)
	}
	// What every command understands, this one does too.
	h.fails(exitFailure, "log", "guard", "--config", file, "--log-level", "nonsense")
}
