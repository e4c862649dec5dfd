package authn

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
)

// MinPasswordLength is the fewest characters (code points) that a new password
// may have. NIST SP 800-63B-4 §3.1.1.2 and OWASP ASVS 5.0 6.2.1 allow 8 where a
// second factor or a limit on guessing stands beside it; ten leave a margin for
// the day on which the hashes are stolen. There are no rules on kinds of
// character: both documents advise against them.
const MinPasswordLength = 10

// What must be left of a password when the user's own names are taken out.
const minUnrelatedLength = 8

// WeakPasswordError says, in a sentence for the person who chose it, why a
// password cannot be had.
type WeakPasswordError struct {
	Weakness Weakness
	Reason   string
}

// Weakness names why a password cannot be had, for those who say it in a language
// other than English.
type Weakness string

// Why a password cannot be had.
const (
	WeakLong     Weakness = "long"
	WeakShort    Weakness = "short"
	WeakCommon   Weakness = "common"
	WeakRepeats  Weakness = "repeats"
	WeakPersonal Weakness = "personal"
)

func (e *WeakPasswordError) Error() string { return e.Reason }

//go:embed common_passwords.txt
var commonPasswordsFile string

// commonPasswords is the sorted list below the license.
var commonPasswords = sync.OnceValue(func() []string {
	_, list, _ := strings.Cut(commonPasswordsFile, "\n\n")
	return strings.Split(strings.TrimSuffix(list, "\n"), "\n")
})

// Rows and columns of keyboards, and what counts up. A password that runs along
// one of them in either direction is a common one.
const runs = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz 01234567890123456789 " +
	"qwertyuiop[]asdfghjkl;'zxcvbnm,./ qwertyuiopasdfghjklzxcvbnm qwertzuiopasdfghjklyxcvbnm azertyuiopqsdfghjklmwxcvbn " +
	"1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/ qazwsxedcrfvtgbyhnujmikolp 1q2w3e4r5t6y7u8i9o0p !@#$%^&*()_+"

var backwards = reverse(runs)

// CheckNewPassword judges a password that a user wants to have: its length, that
// it is not among the common ones or made from one by adding digits, signs or
// repetition, and that it is not built from what is known about the user. about
// holds the user name, e-mail address, display name and tenants. The error is a
// [*WeakPasswordError].
func CheckNewPassword(password Password, about ...string) error {
	text := password.reveal()
	length := utf8.RuneCountInString(text)
	switch {
	case len(text) > MaxPasswordBytes:
		return &WeakPasswordError{WeakLong, fmt.Sprintf("The password is too long: it may have %d bytes, which is about as many letters.", MaxPasswordBytes)}
	case length < MinPasswordLength:
		return &WeakPasswordError{WeakShort, fmt.Sprintf("The password is too short: it needs at least %d characters.", MinPasswordLength)}
	}
	folded := cases.Fold().String(text)
	unit := repeatedUnit(folded)
	switch {
	case common(folded), unit != folded && common(unit):
		return &WeakPasswordError{WeakCommon, "This is one of the passwords that everybody tries first, or is made from one. Choose one that nobody else would think of, such as four unrelated words."}
	case unit != folded && utf8.RuneCountInString(unit) < MinPasswordLength:
		return &WeakPasswordError{WeakRepeats, "The password repeats a few characters. Choose one that goes on, such as four unrelated words."}
	case builtFrom(folded, about):
		return &WeakPasswordError{WeakPersonal, "The password is built from your name, your e-mail address or the name of this service. Choose one that has nothing to do with you."}
	}
	return nil
}

// common reports whether one of the readings of a folded password is in the list
// or runs along a keyboard.
func common(folded string) bool {
	for _, reading := range readings(folded) {
		// Shorter words are part of many a good password, and not in the list.
		if len(reading) < 4 {
			continue
		}
		if _, listed := slices.BinarySearch(commonPasswords(), reading); listed ||
			strings.Contains(runs, reading) || strings.Contains(backwards, reading) {
			return true
		}
	}
	return false
}

var (
	unleetI = strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "i")
	unleetL = strings.NewReplacer("0", "o", "1", "l", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "i")
)

func notALetter(r rune) bool { return !unicode.IsLetter(r) }

func sign(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }

// readings is a password without the digits and signs around it, and with digits
// and signs read as the letters that they stand for.
func readings(folded string) []string {
	var all []string
	for _, base := range []string{
		folded, strings.TrimFunc(folded, sign), strings.TrimRightFunc(folded, notALetter), strings.TrimFunc(folded, notALetter),
	} {
		all = append(all, base, unleetI.Replace(base), unleetL.Replace(base))
	}
	return all
}

// repeatedUnit is the shortest beginning of s that, repeated, gives s; the last
// repetition may be cut off.
func repeatedUnit(s string) string {
	for n := 1; n <= len(s)/2; n++ {
		if s[n:] == s[:len(s)-n] {
			return s[:n]
		}
	}
	return s
}

// builtFrom reports whether hardly anything, or nothing but a common password, is
// left of a folded password without the words about the user.
func builtFrom(folded string, about []string) bool {
	rest := folded
	for _, word := range words(about) {
		rest = strings.ReplaceAll(rest, word, "")
		rest = strings.ReplaceAll(rest, reverse(word), "")
	}
	return rest != folded && (utf8.RuneCountInString(rest) < minUnrelatedLength || common(rest))
}

// words is each text and the words within it, folded, long ones before the short
// ones that may be part of them. A word of one or two letters is in too many
// good passwords to say anything.
func words(about []string) []string {
	found := []string{"gatehouse"}
	for _, text := range about {
		text = cases.Fold().String(text)
		local, _, _ := strings.Cut(text, "@")
		parts := strings.FieldsFunc(text, sign)
		found = append(append(found, text, local), parts...)
	}
	found = slices.DeleteFunc(found, func(word string) bool { return utf8.RuneCountInString(word) < 3 })
	slices.SortFunc(found, func(a, b string) int { return len(b) - len(a) })
	return found
}

func reverse(s string) string {
	runes := []rune(s)
	slices.Reverse(runes)
	return string(runes)
}
