package oidc

import (
	"strings"
	"testing"
)

func TestUserCode(t *testing.T) {
	seen := map[string]bool{}
	letters := ""
	for range 200 {
		code := newUserCode()
		if folded, ok := foldUserCode(showUserCode(code)); !ok || folded != code || seen[code] {
			t.Fatalf("%q is shown as %q and read as %q, %v", code, showUserCode(code), folded, ok)
		}
		seen[code], letters = true, letters+code
	}
	for _, letter := range userCodeLetters {
		if !strings.ContainsRune(letters, letter) {
			t.Errorf("in 200 codes there is no %c", letter)
		}
	}
	for typed, want := range map[string]string{
		"wdjb-mjht": "WDJBMJHT", " WDJB MJHT ": "WDJBMJHT", "W-D-J-B-M-J-H-T": "WDJBMJHT", "wdjb–mjht": "WDJBMJHT",
		"": "", "WDJB-MJH": "", "WDJB-MJHTT": "", "WDJB-MJHA": "", "ẆDJB-MJHT": "", "ſDJB-MJHT": "", "WDJB-MJHT\x00": "", "WDJB%MJHT": "",
		strings.Repeat("-", 60) + "WDJBMJHT": "",
	} {
		if got, ok := foldUserCode(typed); ok != (want != "") || ok && got != want {
			t.Errorf("%q is read as %q, %v", typed, got, ok)
		}
	}
}

func FuzzFoldUserCode(f *testing.F) {
	f.Add("wdjb-mjht")
	f.Add("\xff\u2010")
	f.Fuzz(func(t *testing.T, typed string) {
		code, ok := foldUserCode(typed)
		if !ok {
			return
		}
		if again, ok := foldUserCode(showUserCode(code)); !ok || again != code || strings.Trim(code, userCodeLetters) != "" {
			t.Errorf("%q is read as %q", typed, code)
		}
	})
}

func FuzzParseDeviceCode(f *testing.F) {
	f.Add(deviceCode{secret: make([]byte, secretSize)}.encode())
	f.Fuzz(func(t *testing.T, text string) {
		if code, err := parseDeviceCode(text); err == nil && code.encode() != text {
			t.Errorf("%q is another spelling of %q", text, code.encode())
		}
	})
}
