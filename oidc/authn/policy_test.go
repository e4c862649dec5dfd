package authn

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestI10_WeakPasswordsAreRefused(t *testing.T) {
	weak := map[string][]string{
		"too short": {"", "short", "x9#kQ2!mZ", "ééééééééé"},
		"too long":  {strings.Repeat("correct horse ", 100)},
		"everybody tries first": {
			"1234567890", "password123", "Password123!", "PASSWORD1234", "qwertyuiop", "Qwertyuiop1!", "1q2w3e4r5t",
			"iloveyou2024", "P@ssw0rd2024", "p4ssw0rd!!!!", "12football34", "Summer2024!", "!!!dragon!!!", "letmein12345",
			"changeme2026", "Welcome2026!", "administrator", "university1", "circumstances", "abcdefghijkl", "9876543210",
			"0987654321", "poiuytrewq", "1qaz2wsx3edc", "qazwsxedcrfv", "asdfghjkl;'", "zxcvbnm,./1", "!@#$%^&*()",
			"passwordpassword", "dragondragon", "aaaaaaaaaa", "alice-123456789", "qwertzuiopa",
		},
		"repeats": {"éééééééééé", "ababababab", "xyzxyzxyzxyzx", "x7#kx7#kx7#k", "  \t  \t  \t  \t"},
		"built from your name": {
			"gatehouse2026", "Gatehouse!!", "esuohetag123", "alice.smith1", "alicesmith99", "acme-alice-1", "smithalice!1",
			"alice@example.com", "example.com2026", "password-alice", "Acme-Corp-2026",
		},
	}
	for reason, passwords := range weak {
		for _, password := range passwords {
			err := CheckNewPassword(NewPassword(password), "alice", "alice.smith@example.com", "Alice Smith", "Acme Corp")
			var w *WeakPasswordError
			if !errors.As(err, &w) || !strings.Contains(w.Reason, reason) {
				t.Errorf("%q: %v, want: %s", password, err, reason)
				continue
			}
			if !strings.HasSuffix(w.Reason, ".") || strings.Contains(w.Reason, password) && len(password) > 5 {
				t.Errorf("%q: %q is no sentence for people, or tells the password", password, w.Reason)
			}
		}
	}
}

func TestGoodPasswordsAreTaken(t *testing.T) {
	for _, password := range []string{
		"correct horse battery staple", goodPassword, "x9#kQ2!mZ7&w", "malicious gateways", "annapurna at dawn",
		"пароль из четырёх слов", "紫色の象が空を飛ぶ夜明け", "🦊🌲🚲🧊🎻🪁🥝🧭🛶🪵", "nul\x00inside it", "\xff\xfe\xfd\xfc random bytes",
		strings.Repeat("long and longer ", 3) + "and on", "9f86d081884c7d659a2feaa0c55ad015", "alice in wonderland was bored",
	} {
		if err := CheckNewPassword(NewPassword(password), "alice", "anna@example.com", "Al", ""); err != nil {
			t.Errorf("%q: %v", password, err)
		}
	}
}

func TestI10_TheListIsLongSortedAndFolded(t *testing.T) {
	list := commonPasswords()
	long := 0
	for _, entry := range list {
		if len(entry) >= MinPasswordLength {
			long++
		}
		if entry != strings.ToLower(entry) || strings.ContainsAny(entry, "\r\t ") {
			t.Errorf("%q would never be found", entry)
		}
	}
	if long < 3000 {
		t.Errorf("%d entries are long enough to be chosen, want 3000", long)
	}
	if !slices.IsSorted(list) || len(slices.Compact(slices.Clone(list))) != len(list) {
		t.Error("the list is not sorted or has an entry twice")
	}
	for _, entry := range list {
		if len(entry) >= MinPasswordLength && CheckNewPassword(NewPassword(entry)) == nil {
			t.Errorf("%q is in the list but may be chosen", entry)
		}
	}
}

func FuzzCheckNewPassword(f *testing.F) {
	f.Add("correct horse battery staple", "alice")
	f.Add("aaaaaaaaaaaaaaaaaaaa", "a@b")
	f.Add("\xff\x00", "\xff\xff\xff")
	f.Fuzz(func(t *testing.T, password, about string) {
		err := CheckNewPassword(NewPassword(password), about)
		if err == nil && (utf8.RuneCountInString(password) < MinPasswordLength || len(password) > MaxPasswordBytes) {
			t.Errorf("%q was taken", password)
		}
		if err == nil && CheckNewPassword(NewPassword(password), password) == nil {
			t.Errorf("%q was taken from a user of that name", password)
		}
	})
}

func BenchmarkCheckNewPassword(b *testing.B) {
	for b.Loop() {
		if err := CheckNewPassword(NewPassword(goodPassword), "alice", "alice@example.com"); err != nil {
			b.Fatal(err)
		}
	}
}
