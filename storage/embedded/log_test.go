package embedded

import (
	"log/slog"
	"strings"
	"testing"
)

func TestServerLog(t *testing.T) {
	t.Parallel()
	var out record
	l := newServerLog(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelWarn})))
	stream := "LOG:  starting\nWARNING:  disk\n\tgetting full\nERROR:  a statement failed\nPANIC:  corrupt\nFATAL:  cut o"
	for i := range len(stream) { // in the smallest pieces
		if _, err := l.Write([]byte{stream[i]}); err != nil {
			t.Fatal(err)
		}
	}
	got := out.String()
	for _, want := range []string{`level=WARN msg="postgres: disk"`, "getting full", `level=ERROR msg="postgres: corrupt"`} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	for _, not := range []string{"starting", "a statement failed", "cut o"} {
		if strings.Contains(got, not) {
			t.Errorf("%q stands in\n%s", not, got)
		}
	}
	if last := l.last().Error(); !strings.HasSuffix(last, "\ncorrupt") {
		t.Errorf("last: %q", last)
	}
}

func FuzzParseLogLine(f *testing.F) {
	f.Add("FATAL:  lock file exists")
	f.Add("\tcontinued: here")
	f.Add(":  ")
	f.Fuzz(func(t *testing.T, line string) {
		_, text, ok := parseLogLine(line)
		if !strings.HasSuffix(line, text) {
			t.Errorf("%q became %q", line, text)
		}
		if !ok && text != line {
			t.Errorf("%q lost something: %q", line, text)
		}
	})
}
