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
		if p.fits("a forgery", judge(false)) {
			t.Fatal("a forgery was remembered as good")
		}
	}
	if judged != 3 {
		t.Errorf("a forgery was judged %d times; want each time", judged)
	}
	for range 3 {
		if !p.fits("a token", judge(true)) {
			t.Fatal("a token was refused")
		}
	}
	if judged != 4 {
		t.Errorf("a good token was judged %d times; want once", judged-3)
	}
	for i := range provenLimit + 1 {
		p.fits(strconv.Itoa(i), judge(true))
	}
	if size := p.size.Load(); size > provenLimit {
		t.Errorf("%d tokens are remembered; the limit is %d", size, provenLimit)
	}
}
