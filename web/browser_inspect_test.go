package web_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// inspect holds a page to what every page must be, and keeps pictures of it.
func (b *tab) inspect(page string) {
	b.t.Helper()
	if !observe(b, chromedp.Evaluate[bool](inspected)) {
		b.isSwift(page)
	}
	b.isUsable(page)
	b.shoot(page)
}

// inspected says that the document was held in hand before: it was turned to other
// widths, which moves things.
const inspected = `'axe' in window`

// What a page may cost. The first paint is counted from the first byte of the answer:
// what came before is a password being hashed. A calm machine paints within 100 ms
// (docs/performance.md); the bound leaves room for one that is busy.
const (
	maxWire  = 30 << 10 // bytes of the page and all that it loads, under their encoding
	maxPaint = 1500     // milliseconds
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
		paint: paint ? paint.startTime - page.responseStart : 0,
	};
})()`

func (b *tab) isSwift(page string) {
	b.t.Helper()
	type figures struct {
		Wire, Paint float64
		Shift       string // which parts moved
	}
	var got figures
	for deadline := time.Now().Add(patience); got.Paint <= 0 && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		got = observe(b, chromedp.Evaluate[figures](cost))
	}
	b.t.Logf("%s: %.0f bytes, first paint after %.0f ms", page, got.Wire, got.Paint)
	if got.Wire > maxWire || got.Wire < 1000 {
		b.t.Errorf("%s: %.0f bytes on the wire", page, got.Wire)
	}
	if got.Shift != "" {
		b.t.Errorf("%s: the layout shifts: %s", page, got.Shift)
	}
	if got.Paint <= 0 || got.Paint > maxPaint {
		b.t.Errorf("%s: first paint after %.0f ms", page, got.Paint)
	}
}

var screens = []struct {
	name          string
	width, height int64
	scheme        string
}{
	{"320-light", 320, 640, "light"}, {"320-dark", 320, 640, "dark"}, {"desktop-light", 1280, 800, "light"}, {"desktop-dark", 1280, 800, "dark"},
}

// shoot keeps a picture of the page on each screen, for people to look at, and fails
// when a narrow one has to be scrolled sideways, or axe finds something there.
func (b *tab) shoot(page string) {
	b.t.Helper()
	for i, s := range screens {
		if b.speaks != "" && i%3 != 0 {
			continue // turned round, a narrow light one and a wide dark one tell enough
		}
		read(b, chromedp.EmulateViewport(s.width, s.height))
		command(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: s.scheme}, calm},
		})
		if wide := observe(b, chromedp.Evaluate[int64](`document.documentElement.scrollWidth`)); wide > s.width {
			b.t.Errorf("%s on %s is %d pixels wide", page, s.name, wide)
		}
		for _, found := range b.violations() {
			b.t.Errorf("%s on %s: %s", page, s.name, found)
		}
		file := filepath.Join("testdata", "screenshots", page+b.speaks+"-"+s.name+".png")
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			b.t.Fatal(err)
		}
		if err := os.WriteFile(file, observe(b, chromedp.FullScreenshot(100)), 0o644); err != nil {
			b.t.Fatal(err)
		}
	}
	read(b, chromedp.ResetViewport())
	command(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{calm}})
}

// calm is without motion, or a picture would show a change of colours halfway.
var calm = &emulation.MediaFeature{Name: "prefers-reduced-motion", Value: "reduce"}

// axe is the program that looks for what keeps people out of a page.
func axe(t *testing.T) string {
	t.Helper()
	program, err := os.ReadFile("testdata/axe/node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatalf("%v (run tools/install-node-modules)", err)
	}
	return string(program)
}

// judge asks axe for what is serious or critical. It must not load the style sheet
// itself, which the policy of the page forbids and the browser would complain of.
const judge = `axe.run(document, {preload: false, resultTypes: ['violations']}).then(r => r.violations
	.filter(v => v.impact === 'serious' || v.impact === 'critical')
	.map(v => v.id + ': ' + v.nodes.map(n => n.target.join(' ') + ' – ' + n.failureSummary).join('; ')))`

func (b *tab) violations() []string {
	b.t.Helper()
	if !observe(b, chromedp.Evaluate[bool](inspected)) {
		observe(b, chromedp.Evaluate[bool](axe(b.t)+`; true`))
	}
	return observe(b, chromedp.Evaluate[[]string](judge, chromedp.EvalAwaitPromise))
}

// controls lists what a person can press or fill in and cannot name, or cannot hit
// (WCAG 2.2, 4.1.2 and 2.5.8: at least 24 pixels each way, text links aside).
const controls = `[...document.querySelectorAll('button, input:not([type=hidden]), summary, a.button')].filter(e => e.checkVisibility()).map(e => {
	const box = e.getBoundingClientRect(), label = e.labels && e.labels[0];
	const name = (e.getAttribute('aria-label') || (label && label.innerText) || e.innerText || '').trim();
	const target = e.type === 'checkbox' && label ? label.getBoundingClientRect() : box;
	const what = e.id || e.localName + ' ' + name;
	if (!name) return what + ' has no name';
	if (target.width < 24 || Math.max(target.height, box.height) < 24) return what + ' is ' + target.width + ' by ' + target.height;
	return '';
}).filter(s => s).join('; ')`

// isUsable fails when a page cannot be used by everybody.
func (b *tab) isUsable(page string) {
	b.t.Helper()
	if wrong := observe(b, chromedp.Evaluate[string](controls)); wrong != "" {
		b.t.Errorf("%s: %s", page, wrong)
	}
	if got := observe(b, chromedp.Evaluate[string](`document.title && document.documentElement.lang && document.querySelectorAll('h1').length === 1 && document.querySelector('main') ? '' : document.title + ' has no title, language, heading or main part'`)); got != "" {
		b.t.Errorf("%s: %s", page, got)
	}
}
