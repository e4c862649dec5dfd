package chrome

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Inspect holds a page to what every page must be, and keeps pictures of it.
func (b *Tab) Inspect(page string) {
	b.T.Helper()
	if !Observe(b, chromedp.Evaluate[bool](inspected)) {
		b.isSwift(page)
	}
	b.isUsable(page)
	b.onScreens(page, func(i int, screen string) {
		for _, found := range b.violations(i == 0) {
			b.T.Errorf("%s on %s: %s", page, screen, found)
		}
	})
}

// Picture keeps pictures of a page, and fails where it does not fit a screen.
func (b *Tab) Picture(page string) {
	b.T.Helper()
	b.onScreens(page, func(int, string) {})
}

// inspected says that the document was held in hand before: it was turned to other
// widths, which moves things.
const inspected = `'axe' in window`

// testdata is the folder of web that has axe and receives the pictures.
func testdata(t *testing.T, path ...string) string {
	_, here, _, found := runtime.Caller(0)
	if !found {
		t.Fatal("the folder of this package is not known")
	}
	return filepath.Join(append([]string{filepath.Dir(here), "..", "..", "testdata"}, path...)...)
}

// screens are the two ends: what holds on both by both lights holds in between. The narrow
// one is a window of 1280 by 1024 at four times its size (WCAG 2.2, 1.4.10).
var screens = []struct {
	name          string
	width, height int64
	scheme        string
}{
	{"320-light", 320, 256, "light"}, {"desktop-dark", 1280, 800, "dark"},
}

// onScreens keeps a picture of the page on each screen, for people to look at, and fails
// when a narrow one has to be scrolled sideways.
func (b *Tab) onScreens(page string, look func(i int, screen string)) {
	b.T.Helper()
	for i, s := range screens {
		Read(b, chromedp.EmulateViewport(s.width, s.height))
		Command(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: s.scheme}, calm},
		})
		b.fits(page+" on "+s.name, s.width)
		Observe(b, chromedp.Evaluate[bool](settled, chromedp.EvalAwaitPromise))
		look(i, s.name)
		file := testdata(b.T, "screenshots", strings.ReplaceAll(page, " ", "-")+b.speaks+"-"+s.name+".png")
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			b.T.Fatal(err)
		}
		if err := os.WriteFile(file, Observe(b, chromedp.FullScreenshot(100)), 0o644); err != nil {
			b.T.Fatal(err)
		}
	}
	Read(b, chromedp.ResetViewport())
	Command(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{calm}})
}

// settled comes when the browser has drawn the page at its width.
const settled = `new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(() => drawn(true))))`

// Fits fails when a page has to be scrolled sideways on a narrow screen.
func (b *Tab) Fits(page string) {
	b.T.Helper()
	Read(b, chromedp.EmulateViewport(320, 256))
	b.fits(page, 320)
}

func (b *Tab) fits(page string, width int64) {
	b.T.Helper()
	if wide := Observe(b, chromedp.Evaluate[int64](`document.documentElement.scrollWidth`)); wide > width {
		b.T.Errorf("%s is %d pixels wide", page, wide)
	}
	if cut := Observe(b, chromedp.Evaluate[string](truncated)); cut != "" {
		b.T.Errorf("%s: cut off are %s", page, cut)
	}
}

// truncated lists what is drawn over the edge of its box, where nobody can scroll to it.
const truncated = `[...document.querySelectorAll('main *, header *, footer *')].filter(e =>
	e.clientWidth > 0 && e.scrollWidth > e.clientWidth + 1 && e.checkVisibility() && !e.matches('.hidden, .scroll, .who, input, svg, svg *')).map(e => e.id || e.localName + ' ' + e.innerText.slice(0, 40)).join('; ')`

// calm is without motion, or a picture would show a change of colours halfway.
var calm = &emulation.MediaFeature{Name: "prefers-reduced-motion", Value: "reduce"}

// axe is the program that looks for what keeps people out of a page.
func axe(t *testing.T) string {
	t.Helper()
	program, err := os.ReadFile(testdata(t, "axe", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatalf("%v (run tools/install-node-modules)", err)
	}
	return string(program)
}

// judge asks axe for what is serious or critical. It must not load the style sheet
// itself, which the policy of the page forbids and the browser would complain of.
const judge = `axe.run(document, {preload: false, resultTypes: ['violations'], ...%s}).then(r => r.violations
	.filter(v => v.impact === 'serious' || v.impact === 'critical')
	.map(v => v.id + ': ' + v.nodes.map(n => n.target.join(' ') + ' – ' + n.failureSummary).join('; ')))`

// judging bounds that: of a page with thousands of parts, such as the reference of the API,
// it computes for seconds, and on a busy machine for many.
const judging = 3 * time.Minute

// What depends on how a page is drawn; the other rules judge the same document again.
const drawn = `{runOnly: ['color-contrast', 'link-in-text-block', 'scrollable-region-focusable']}`

func (b *Tab) violations(all bool) []string {
	b.T.Helper()
	if !Observe(b, chromedp.Evaluate[bool](inspected)) {
		Observe(b, chromedp.Evaluate[bool](axe(b.T)+`; true`))
	}
	which := drawn
	if all {
		which = `{}`
	}
	return observe(b, chromedp.Evaluate[[]string](fmt.Sprintf(judge, which), chromedp.EvalAwaitPromise), judging)
}

// narrowTargets lists what a person can press or fill in and cannot hit: what is less
// than 44 pixels high or wide (WCAG 2.2, 2.5.5), links within a text aside.
const narrowTargets = `[...document.querySelectorAll('button, input:not([type=hidden]), summary, a.button, nav a, .links a')].filter(e => e.checkVisibility()).map(e => {
	const target = e.type === 'checkbox' && e.labels[0] ? e.labels[0].getBoundingClientRect() : e.getBoundingClientRect();
	return target.width < 44 || target.height < 43.5 ? (e.id || e.localName + ' ' + e.innerText) + ' is ' + target.width + ' by ' + target.height : '';
}).filter(s => s).join('; ')`

// isUsable fails when a page cannot be used by everybody.
func (b *Tab) isUsable(page string) {
	b.T.Helper()
	if wrong := Observe(b, chromedp.Evaluate[string](narrowTargets)); wrong != "" {
		b.T.Errorf("%s: %s", page, wrong)
	}
	if got := Observe(b, chromedp.Evaluate[string](`document.title && document.documentElement.lang && document.querySelectorAll('h1').length === 1 && document.querySelector('main') ? '' : document.title + ' has no title, language, heading or main part'`)); got != "" {
		b.T.Errorf("%s: %s", page, got)
	}
	for _, role := range b.nameless() {
		b.T.Errorf("%s: a %s that a screen reader cannot name", page, role)
	}
}

// nameless is the roles of what a screen reader meets and has no name for, as the
// browser itself tells screen readers.
func (b *Tab) nameless() (roles []string) {
	b.T.Helper()
	tree, err := chromedp.Call(b.Ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		b.Fail(err)
	}
	for _, node := range tree.Nodes {
		if node.Ignored || node.Role == nil {
			continue
		}
		switch role := string(node.Role.Value); role {
		case `"button"`, `"link"`, `"textbox"`, `"searchbox"`, `"checkbox"`, `"radio"`, `"combobox"`, `"image"`, `"heading"`, `"navigation"`, `"region"`, `"Iframe"`:
			if node.Name == nil || len(node.Name.Value) <= len(`""`) {
				roles = append(roles, role)
			}
		}
	}
	return roles
}
