//go:build race

package oidc_test

// slowness is how much longer the race detector makes everything take.
const slowness = 3
