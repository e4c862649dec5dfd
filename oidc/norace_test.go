//go:build !race

package oidc_test

// slowness is how much longer the race detector makes everything take: there is none.
const slowness = 1
