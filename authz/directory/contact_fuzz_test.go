package directory

import (
	"regexp"
	"testing"
)

// FuzzPhone: what is let in is E.164 and is tidied into itself, and every digit of it was written.
func FuzzPhone(f *testing.F) {
	for _, number := range []string{"", "+49 30 123456", "+49 (0)30 123456", "+1 (604) 555-1234", "+81\u00a03.1234/5678", "0049301234567", "+４９３０１２３４５６"} {
		f.Add(number)
	}
	form, digits := regexp.MustCompile(`^\+[1-9]\d{6,14}$`), regexp.MustCompile(`\D`)
	f.Fuzz(func(t *testing.T, written string) {
		number := tidyPhone(written)
		if checkPhone(number) != nil || number == "" {
			return
		}
		if !form.MatchString(number) || tidyPhone(number) != number || digits.ReplaceAllString(written, "") != number[1:] {
			t.Errorf("%q became %q", written, number)
		}
	})
}
