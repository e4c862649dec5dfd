package oidc

import (
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
)

// B11: ten thousand codes, as they are made: none comes twice, and the bytes of their
// secrets are as even as chance makes them.
func TestB11_TenThousandCodes(t *testing.T) {
	const codes = 10_000
	seen := map[string]bool{}
	var counts [256]float64
	for range codes {
		code := authorizationCode{grant: authz.NewID[authz.GrantID](time.Unix(0, 0)), secret: newSecret()}
		if len(code.secret)*8 < 256 || seen[code.encode()] {
			t.Fatalf("%q came twice or is too short", code.encode())
		}
		seen[code.encode()] = true
		for _, b := range code.secret {
			counts[b]++
		}
	}
	expected, square := float64(codes*secretSize)/256, 0.0
	for _, n := range counts {
		square += (n - expected) * (n - expected) / expected
	}
	// Of 255 degrees of freedom: mean 255, deviation 22.6; beyond 400 once in ten million.
	if square > 400 || square < 130 {
		t.Errorf("the bytes are uneven: chi-square is %.0f", square)
	}
}
