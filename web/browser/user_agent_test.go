package browser

import (
	"net/http"
	"testing"
	"unicode"
	"unicode/utf8"
)

func FuzzUserAgent(f *testing.F) {
	f.Add("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	f.Add("a\x00b\nc\xff\u202e")
	f.Fuzz(func(t *testing.T, sent string) {
		kept := userAgent(&http.Request{Header: http.Header{"User-Agent": {sent}}})
		if len(kept) > 300 || !utf8.ValidString(kept) {
			t.Errorf("%q is kept as %q", sent, kept)
		}
		for _, c := range kept {
			if unicode.Is(unicode.Cc, c) && c < 0x80 {
				t.Errorf("%q is kept as %q", sent, kept)
			}
		}
	})
}
