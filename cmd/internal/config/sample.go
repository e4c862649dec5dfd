package config

import (
	"errors"
	"fmt"
	"strings"
)

const minSecretLength = 32

// samples are words of documentation, tutorials and test configurations. A
// random text of 32 characters holds none of them but by a chance of one in
// many millions.
var samples = []string{
	"changeme", "changethis", "replaceme", "replacethis", "example", "password", "secret",
	"insecure", "default", "placeholder", "gatehouse", "yourown", "putyour", "notsafe",
	"donotuse", "development", "testing", "letmein",
}

// judgeSecret refuses what could be guessed: short texts, known samples,
// repetitions and sequences. It cannot tell that a text is random; it can tell
// that one is not.
func judgeSecret(secret string) error {
	if len(secret) < minSecretLength {
		return fmt.Errorf("it has %d bytes and needs at least %d", len(secret), minSecretLength)
	}
	letters := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, strings.ToLower(secret))
	for _, sample := range samples {
		if strings.Contains(letters, sample) {
			return errors.New("it is a known sample or made of ordinary words")
		}
	}
	switch {
	case distinct(secret) < 8:
		return errors.New("it repeats too few characters")
	case repeats(secret):
		return errors.New("it repeats one short text")
	case steps(secret) > len(secret)/2:
		return errors.New("it is a sequence of neighbouring characters")
	}
	return nil
}

func distinct(s string) int {
	seen := map[byte]bool{}
	for i := range len(s) {
		seen[s[i]] = true
	}
	return len(seen)
}

// repeats reports whether a text is a block of at most half its length, over and over.
func repeats(s string) bool {
	for block := 1; block <= len(s)/2; block++ {
		if s[block:] == s[:len(s)-block] {
			return true
		}
	}
	return false
}

// steps counts the characters that follow their neighbour, as in "abcd" or "4321".
func steps(s string) int {
	n := 0
	for i := 1; i < len(s); i++ {
		if d := int(s[i]) - int(s[i-1]); d == 1 || d == -1 {
			n++
		}
	}
	return n
}
