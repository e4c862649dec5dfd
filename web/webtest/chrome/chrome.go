package chrome

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
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

// Browser is one process. Each [Tab] of it is a person of its own.
type Browser struct {
	ctx  context.Context
	bare *bare
}

// Start starts a browser, which ends with the test.
func Start(t *testing.T) *Browser {
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
	browser := &Browser{ctx: ctx}
	browser.bare = newBare(t, browser)
	return browser
}

// Tab is a window with cookies of its own.
type Tab struct {
	T   *testing.T
	Ctx context.Context

	browser *Browser
	mu      sync.Mutex
	// posted says that the document was asked for by a form.
	posted bool
	// complaints is what the console showed: policy violations, script errors.
	complaints []string
	// hosts is whom the pages made the browser talk to.
	hosts map[string]bool
	// speaks marks the pictures of a browser that asks for another language.
	speaks string
}

// Tab opens a window.
func (browser *Browser) Tab(t *testing.T) *Tab {
	t.Helper()
	ctx, stop := chromedp.NewContext(browser.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(stop)
	b := &Tab{T: t, Ctx: ctx, browser: browser, hosts: map[string]bool{}}
	if err := chromedp.Listen(ctx, b.listen); err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	Command(b, network.Enable, network.EnableParams{})
	Command(b, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	return b
}

// Speak makes the tab ask for pages in a language.
func (b *Tab) Speak(language string) {
	b.T.Helper()
	if b.speaks = ""; language != "en" {
		b.speaks = "-" + language
	}
	Command(b, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": language}})
}

// Scripts says whether the scripts of pages run; those of the test do where they do.
func (b *Tab) Scripts(run bool) {
	b.T.Helper()
	Command(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !run})
}

func (b *Tab) listen(event any) {
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
		if e.Type == network.ResourceTypeDocument {
			b.posted = e.Request.Method == http.MethodPost
		}
		if u, err := url.Parse(e.Request.URL); err == nil && u.Host != "" {
			b.hosts[u.Host] = true
		}
	}
}

// Patience bounds every step, so that what never comes is told, also on a busy machine.
const Patience = time.Minute

// Read runs one step and gives what it yields.
func Read[T any](b *Tab, step chromedp.Action[T]) T {
	b.T.Helper()
	ctx, cancel := context.WithTimeout(b.Ctx, Patience)
	defer cancel()
	value, err := chromedp.Run(ctx, step)
	if err != nil {
		b.Fail(err)
	}
	return value
}

// Observe is Read for a step that changes nothing: while a page gives way to the
// next one the browser has nothing to look at, and is asked again.
func Observe[T any](b *Tab, step chromedp.Action[T]) T {
	b.T.Helper()
	return observe(b, step, Patience)
}

func observe[T any](b *Tab, step chromedp.Action[T], patience time.Duration) T {
	b.T.Helper()
	ctx, cancel := context.WithTimeout(b.Ctx, patience)
	defer cancel()
	for {
		value, err := chromedp.Run(ctx, step)
		if err == nil {
			return value
		}
		select {
		case <-ctx.Done():
			b.Fail(err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Command is one of the protocol of the developer tools.
func Command[P, R any](b *Tab, c cdp.Command[P, R], parameters P) {
	b.T.Helper()
	if _, err := chromedp.Call(b.Ctx, c, parameters); err != nil {
		b.Fail(err)
	}
}

// Fail ends the test and tells where the browser stood.
func (b *Tab) Fail(err error) {
	b.T.Helper()
	ctx, cancel := context.WithTimeout(b.Ctx, Patience)
	defer cancel()
	at, _ := chromedp.Run(ctx, chromedp.Location())
	page, _ := chromedp.Run(ctx, chromedp.Text(chromedp.CSS("body")))
	b.mu.Lock()
	defer b.mu.Unlock()
	b.T.Fatalf("%v\nat %s:\n%s\nconsole: %q", err, at, page, b.complaints)
}

// Open goes to an address.
func (b *Tab) Open(address string) { b.T.Helper(); Read(b, chromedp.Navigate(address)) }

// shown is an element that no script has yet to show: its place is there before.
func shown(selector string) chromedp.CSS {
	return chromedp.CSS(selector + ":not([hidden], [hidden] *)")
}

// See waits for an element.
func (b *Tab) See(selector string) { b.T.Helper(); Read(b, chromedp.WaitVisible(shown(selector))) }

// Click presses an element with the mouse.
func (b *Tab) Click(selector string) { b.T.Helper(); Read(b, chromedp.Click(shown(selector))) }

// Fill types into a field in place of what it had. A field of a page that is just being
// loaded may be gone again before it is typed into, and is then looked for anew.
func (b *Tab) Fill(selector, text string) {
	b.T.Helper()
	Observe(b, chromedp.Clear(shown(selector)))
	Observe(b, chromedp.SendKeys(shown(selector), text))
}

// Text is what an element says.
func (b *Tab) Text(selector string) string {
	b.T.Helper()
	return Observe(b, chromedp.Text(chromedp.CSS(selector)))
}

// Says waits until an element says something.
func (b *Tab) Says(selector, words string) {
	b.T.Helper()
	b.See(selector)
	for deadline := time.Now().Add(Patience); ; time.Sleep(50 * time.Millisecond) {
		switch text := b.Text(selector); {
		case strings.Contains(text, words):
			return
		case time.Now().After(deadline):
			b.Fail(fmt.Errorf("%s never says %q, but %q", selector, words, text))
		}
	}
}

// Location is where the tab stands.
func (b *Tab) Location() *url.URL {
	b.T.Helper()
	at, err := url.Parse(Observe(b, chromedp.Location()))
	if err != nil {
		b.Fail(err)
	}
	return at
}

// IsQuiet fails when the pages made the browser complain, or talk to anybody but
// these hosts.
func (b *Tab) IsQuiet(hosts ...string) {
	b.T.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.complaints {
		b.T.Errorf("the console says %s", c)
	}
	for host := range b.hosts {
		if !slices.Contains(hosts, host) {
			b.T.Errorf("a page talks to %s", host)
		}
	}
}
