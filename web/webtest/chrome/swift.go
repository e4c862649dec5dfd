package chrome

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// What a page may cost. The first paint is compared with that of a bare page, loaded
// by the same browser in the same moment, so that the bounds hold on a machine that is
// busy and bite on one that is calm: there a bare page paints within 20 ms.
const (
	maxWire = 30 << 10 // bytes of the page and all that it loads, under their encoding
	// usual is what the page in the middle may take: that, or three times what a bare one
	// does, which is more where the machine is busy. Any page may take worst times as much, of
	// the bare one that was loaded right after it too.
	usual = 100 // milliseconds
	worst = 8
	// sample is how many pages have a middle worth speaking of.
	sample = 20
)

// cost is what the page took. A response whose body comes from the browser's cache
// counts as one that was sent.
const cost = `(() => {
	const seen = type => { const o = new PerformanceObserver(() => {}); o.observe({type, buffered: true}); return o.takeRecords() };
	const page = seen('navigation')[0], loaded = [page, ...seen('resource')];
	const paint = seen('paint').find(e => e.name === 'first-contentful-paint');
	return {
		wire: loaded.reduce((sum, e) => sum + e.encodedBodySize, 0),
		shift: seen('layout-shift').flatMap(e => e.sources).map(({node: n, previousRect: p, currentRect: c}) =>
			(n ? n.id || n.localName || n.nodeName : 'what is gone') + ' from ' + [p.x, p.y, p.width, p.height] + ' to ' + [c.x, c.y, c.width, c.height]).join('; '),
		asked: paint ? paint.startTime - page.requestStart : 0,
		answered: paint ? paint.startTime - page.responseStart : 0,
	};
})()`

// figures are bytes, which parts moved, and milliseconds from the request, or from its
// answer, to the first paint.
type figures struct {
	Wire, Asked, Answered float64
	Shift                 string
}

func (b *Tab) cost() (got figures) {
	b.T.Helper()
	for deadline := time.Now().Add(Patience); got.Answered <= 0 && time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		got = Observe(b, chromedp.Evaluate[figures](cost))
	}
	if got.Answered <= 0 {
		b.T.Errorf("%s is never painted", b.Location())
	}
	return got
}

func (b *Tab) isSwift(page string) {
	b.T.Helper()
	got := b.cost()
	paint := got.Asked
	b.mu.Lock()
	if b.posted {
		paint = got.Answered // what came before is most often a password being hashed
	}
	b.mu.Unlock()
	if got.Wire > maxWire || got.Wire < 1000 {
		b.T.Errorf("%s: %.0f bytes on the wire", page, got.Wire)
	}
	if got.Shift != "" {
		b.T.Errorf("%s: the layout shifts: %s", page, got.Shift)
	}
	bare := b.browser.bare.load()
	b.T.Logf("%s: %.0f bytes, first paint after %.0f ms (a bare page: %.0f ms)", page, got.Wire, paint, bare)
	b.browser.bare.compare(page+b.speaks, visit{paint, bare})
}

// bare is a page with nothing but a word, and how it compares with ours.
type bare struct {
	tab     *Tab
	address string

	mu    sync.Mutex
	took  []float64
	pages map[string]visit
}

// visit is when a page was painted first, and a bare one right after it, in milliseconds.
type visit struct{ paint, bare float64 }

func newBare(t *testing.T, browser *Browser) *bare {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, `<!doctype html><title>Bare</title><link rel="icon" href="data:,"><p>Bare`)
	}))
	t.Cleanup(server.Close)
	p := &bare{tab: browser.Tab(t), address: server.URL, pages: map[string]visit{}}
	t.Cleanup(func() { p.judge(t) })
	return p
}

func (p *bare) load() float64 {
	p.tab.Open(p.address)
	took := p.tab.cost().Asked
	p.mu.Lock()
	defer p.mu.Unlock()
	p.took = append(p.took, took)
	return took
}

// compare keeps the swiftest visit of a page: at another the machine was busy.
func (p *bare) compare(page string, v visit) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if before, seen := p.pages[page]; !seen || v.paint < before.paint {
		p.pages[page] = v
	}
}

// judge fails when pages are slower than a bare one by more than they may.
func (p *bare) judge(t *testing.T) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.pages) == 0 {
		return
	}
	bare := median(p.took)
	most := max(usual, 3*bare)
	var all []float64
	for page, v := range p.pages {
		all = append(all, v.paint)
		if v.paint > worst*max(most, 3*v.bare) {
			t.Errorf("%s: first paint after %.0f ms, a bare page after %.0f ms", page, v.paint, v.bare)
		}
	}
	t.Logf("first paint of %d pages: %.0f ms in the middle, a bare page: %.0f ms", len(all), median(all), bare)
	if len(all) >= sample && median(all) > most {
		t.Errorf("the first paint takes %.0f ms, of a bare page %.0f ms", median(all), bare)
	}
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}
