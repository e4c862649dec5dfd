package web_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// chromiums are the names that tools/install-chromium looks for.
var chromiums = []string{
	"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "headless-shell",
	"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "/Applications/Chromium.app/Contents/MacOS/Chromium",
}

// startChromium starts one browser process; each [tab] of it is a person of its own.
func startChromium(t *testing.T) context.Context {
	t.Helper()
	var path string
	for _, name := range chromiums {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Fatal("a browser is needed: run tools/install-chromium")
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium refuses its sandbox to root
	}
	ctx, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v (tools/install-chromium installs one)", path, err)
	}
	return ctx
}

// tab is a window with cookies of its own.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu sync.Mutex
	// complaints is what the console showed: policy violations, script errors.
	complaints []string
	// hosts is whom the pages made the browser talk to.
	hosts map[string]bool
}

func newTab(t *testing.T, browser context.Context) *tab {
	t.Helper()
	ctx, stop := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(stop)
	b := &tab{t: t, ctx: ctx, hosts: map[string]bool{}}
	if err := chromedp.Listen(ctx, b.listen); err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	command(b, network.Enable, network.EnableParams{})
	command(b, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	return b
}

func (b *tab) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			b.complaints = append(b.complaints, fmt.Sprintf("%s: %s (%s)", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	case *runtime.EventConsoleAPICalled:
		b.complaints = append(b.complaints, fmt.Sprintf("console.%s", e.Type))
	case *runtime.EventExceptionThrown:
		b.complaints = append(b.complaints, e.ExceptionDetails.Text)
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(e.Request.URL); err == nil && u.Host != "" {
			b.hosts[u.Host] = true
		}
	}
}

// patience bounds every step, so that what never comes is told soon.
const patience = 20 * time.Second

// read runs one step and gives what it yields.
func read[T any](b *tab, step chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, step)
	if err != nil {
		b.fail(err)
	}
	return value
}

// observe is read for a step that changes nothing: while a page gives way to the
// next one the browser has nothing to look at, and is asked again.
func observe[T any](b *tab, step chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	for {
		value, err := chromedp.Run(ctx, step)
		if err == nil {
			return value
		}
		select {
		case <-ctx.Done():
			b.fail(err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func command[P, R any](b *tab, c cdp.Command[P, R], parameters P) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, c, parameters); err != nil {
		b.fail(err)
	}
}

// fail tells where the browser stood.
func (b *tab) fail(err error) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	at, _ := chromedp.Run(ctx, chromedp.Location())
	page, _ := chromedp.Run(ctx, chromedp.Text(chromedp.CSS("body")))
	b.mu.Lock()
	defer b.mu.Unlock()
	b.t.Fatalf("%v\nat %s:\n%s\nconsole: %q", err, at, page, b.complaints)
}

func (b *tab) open(address string) { b.t.Helper(); read(b, chromedp.Navigate(address)) }

// see waits for an element.
func (b *tab) see(selector string) {
	b.t.Helper()
	read(b, chromedp.WaitVisible(chromedp.CSS(selector)))
}

func (b *tab) click(selector string) { b.t.Helper(); read(b, chromedp.Click(chromedp.CSS(selector))) }

func (b *tab) fill(selector, text string) {
	b.t.Helper()
	read(b, chromedp.Clear(chromedp.CSS(selector)))
	read(b, chromedp.SendKeys(chromedp.CSS(selector), text))
}

func (b *tab) text(selector string) string {
	b.t.Helper()
	return observe(b, chromedp.Text(chromedp.CSS(selector)))
}

func (b *tab) location() *url.URL { b.t.Helper(); return parse(b.t, observe(b, chromedp.Location())) }

func (b *tab) press(keys string) { b.t.Helper(); read(b, chromedp.KeyEvent(keys)) }

// focused is the id of the element that has the keyboard, or its name.
func (b *tab) focused() string {
	b.t.Helper()
	return read(b, chromedp.Evaluate[string](`document.activeElement.id || document.activeElement.localName`))
}

// isQuiet fails when the pages made the browser complain, or talk to anybody but
// these hosts.
func (b *tab) isQuiet(hosts ...string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.complaints {
		b.t.Errorf("the console says %s", c)
	}
	for host := range b.hosts {
		if !slices.Contains(hosts, host) {
			b.t.Errorf("a page talks to %s", host)
		}
	}
}

var screens = []struct {
	name          string
	width, height int64
	scheme        string
}{
	{"320-light", 320, 640, "light"}, {"320-dark", 320, 640, "dark"}, {"desktop-light", 1280, 800, "light"}, {"desktop-dark", 1280, 800, "dark"},
}

// shoot keeps a picture of the page on each screen, for people to look at, and
// fails when a narrow one has to be scrolled sideways.
func (b *tab) shoot(page string) {
	b.t.Helper()
	for _, s := range screens {
		read(b, chromedp.EmulateViewport(s.width, s.height))
		command(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			// Without motion, or the picture shows a change of colours halfway.
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: s.scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
		})
		if wide := observe(b, chromedp.Evaluate[int64](`document.documentElement.scrollWidth`)); wide > s.width {
			b.t.Errorf("%s on %s is %d pixels wide", page, s.name, wide)
		}
		file := filepath.Join("testdata", "screenshots", page+"-"+s.name+".png")
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			b.t.Fatal(err)
		}
		if err := os.WriteFile(file, observe(b, chromedp.FullScreenshot(100)), 0o644); err != nil {
			b.t.Fatal(err)
		}
	}
	read(b, chromedp.ResetViewport())
	command(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{})
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
	if wrong := read(b, chromedp.Evaluate[string](controls)); wrong != "" {
		b.t.Errorf("%s: %s", page, wrong)
	}
	if got := read(b, chromedp.Evaluate[string](`document.title && document.documentElement.lang && document.querySelectorAll('h1').length === 1 && document.querySelector('main') ? '' : document.title + ' has no title, language, heading or main part'`)); got != "" {
		b.t.Errorf("%s: %s", page, got)
	}
}
