package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestGenerated_Fresh(t *testing.T) {
	files, err := render("../config.go")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		have, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(have, want) {
			t.Errorf("%s is stale: run go generate ./cmd/internal/config", name)
		}
	}
}

func TestGenerated_EverySettingIsExplained(t *testing.T) {
	fields, err := readFields("../config.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fields {
		if f.key == "" || f.doc == "" {
			t.Errorf("setting %q: no key or no comment", f.key)
		}
	}
}
