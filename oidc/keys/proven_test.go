package keys

import (
	"strconv"
	"testing"
)

func TestProven(t *testing.T) {
	var p proven
	judged := 0
	judge := func(verdict bool) func() bool { return func() bool { judged++; return verdict } }
	for range 3 {
		if p.fits([]byte("a forgery"), judge(false)) {
			t.Fatal("a forgery was remembered as good")
		}
	}
	if judged != 3 {
		t.Errorf("a forgery was judged %d times; want each time", judged)
	}
	for range 3 {
		if !p.fits([]byte("a token"), judge(true)) {
			t.Fatal("a token was refused")
		}
	}
	if judged != 4 {
		t.Errorf("a good token was judged %d times; want once", judged-3)
	}
	for i := range provenLimit + 1 {
		p.fits([]byte(strconv.Itoa(i)), judge(true))
	}
	size := 0
	for i := range p {
		size += len(p[i].digests)
	}
	if size > provenLimit || size < provenLimit/2 {
		t.Errorf("%d tokens are remembered; the limit is %d", size, provenLimit)
	}
	p.made([]byte("made here"))
	if !p.fits([]byte("made here"), judge(false)) {
		t.Error("a token that was made here was judged")
	}
}
