package web_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
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
	// speaks marks the pictures of a browser that asks for another language.
	speaks string
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

// shown is an element that no script has yet to show: its place is there before.
func shown(selector string) chromedp.CSS {
	return chromedp.CSS(selector + ":not([hidden], [hidden] *)")
}

// see waits for an element.
func (b *tab) see(selector string) { b.t.Helper(); read(b, chromedp.WaitVisible(shown(selector))) }

func (b *tab) click(selector string) { b.t.Helper(); read(b, chromedp.Click(shown(selector))) }

func (b *tab) fill(selector, text string) {
	b.t.Helper()
	read(b, chromedp.Clear(shown(selector)))
	read(b, chromedp.SendKeys(shown(selector), text))
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
