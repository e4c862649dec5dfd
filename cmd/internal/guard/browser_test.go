package guard_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// chromium is a tab of a real browser.
func chromium(t *testing.T) context.Context {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "headless-shell"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Fatal("a browser is needed: run tools/install-chromium")
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium refuses its sandbox to root
	}
	ctx, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return ctx
}

func step[T any](t *testing.T, tab context.Context, action chromedp.Action[T]) T {
	t.Helper()
	ctx, stop := context.WithTimeout(tab, time.Minute)
	defer stop()
	value, err := chromedp.Run(ctx, action)
	if err != nil {
		shown, stop := context.WithTimeout(tab, 5*time.Second)
		defer stop()
		at, _ := chromedp.Run(shown, chromedp.Location())
		page, _ := chromedp.Run(shown, chromedp.Text(chromedp.CSS("body")))
		t.Fatalf("%v\nat %s:\n%s", err, at, page)
	}
	return value
}

// A person in a browser: sent to sign in, back on the page that they opened, whose
// script then saves with their session; what another site has the browser send does
// nothing; signed out, they are asked to sign in again.
func TestSignIn_InChromium(t *testing.T) {
	t.Parallel()
	f := newFront(t, "", func(c *storage.Client) { c.FirstParty = true })
	saves := make(chan string, 8)
	f.service.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			saves <- r.Header.Get("X-Gatehouse-Client")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><link rel="icon" href="data:,"><p id="path">%s</p><p id="client">%s</p>
			<button id="save" onclick="fetch('/agents/save', {method: 'POST'}).then(r => { document.body.insertAdjacentHTML('beforeend', '<p id=saved>' + r.status) })">Save</button>
			<a id="out" href="/.gatehouse/sign-out">Sign out</a>`, r.URL.Path, r.Header.Get("X-Gatehouse-Client"))
	})
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><link rel="icon" href="data:,"><form method="post" action="%s/agents/save"><button id="lure">Win</button></form><a id="link" href="%s/agents/linked">Go</a>`, f.base, f.base)
	}))
	t.Cleanup(evil.Close)
	elsewhere := strings.Replace(evil.URL, "127.0.0.1", "localhost", 1) // another site to a browser

	tab := chromium(t)
	step(t, tab, chromedp.Navigate(f.base+"/agents/7"))
	step(t, tab, chromedp.WaitVisible(chromedp.CSS("#username")))
	step(t, tab, chromedp.SendKeys(chromedp.CSS("#username"), "ann"))
	step(t, tab, chromedp.SendKeys(chromedp.CSS("#password"), webtest.Password))
	step(t, tab, chromedp.Click(chromedp.CSS("#sign-in")))
	step(t, tab, chromedp.WaitVisible(chromedp.CSS("#accept, #path")))
	if step(t, tab, chromedp.Evaluate[bool](`!!document.querySelector('#accept')`)) {
		step(t, tab, chromedp.Click(chromedp.CSS("#accept")))
	}
	step(t, tab, chromedp.WaitVisible(chromedp.CSS("#path")))
	if path, client := step(t, tab, chromedp.Text(chromedp.CSS("#path"))), step(t, tab, chromedp.Text(chromedp.CSS("#client"))); path != "/agents/7" || client != "guard" {
		t.Errorf("at %q as %q", path, client)
	}
	if seen := step(t, tab, chromedp.Evaluate[string](`document.cookie`)); strings.Contains(seen, "gatehouse-guard") {
		t.Errorf("scripts read %q", seen)
	}
	step(t, tab, chromedp.Click(chromedp.CSS("#save")))
	step(t, tab, chromedp.WaitVisible(chromedp.CSS("#saved")))
	if status := step(t, tab, chromedp.Text(chromedp.CSS("#saved"))); status != "204" || <-saves != "guard" {
		t.Errorf("saved: %s", status)
	}

	step(t, tab, chromedp.Navigate(elsewhere))
	step(t, tab, chromedp.Click(chromedp.CSS("#lure")))
	for begun := time.Now(); !strings.HasPrefix(step(t, tab, chromedp.Location()), f.base); time.Sleep(50 * time.Millisecond) {
		if time.Since(begun) > time.Minute {
			t.Fatal("the form of the other site went nowhere")
		}
	}
	select {
	case who := <-saves:
		t.Errorf("another site saved as %q", who)
	default:
	}
	// A link from there is an ordinary visit.
	step(t, tab, chromedp.Navigate(elsewhere))
	step(t, tab, chromedp.Click(chromedp.CSS("#link")))
	step(t, tab, chromedp.WaitVisible(chromedp.CSS("#path")))

	step(t, tab, chromedp.Click(chromedp.CSS("#out")))
	for begun := time.Now(); step(t, tab, chromedp.Location()) != f.base+"/health"; time.Sleep(50 * time.Millisecond) {
		if time.Since(begun) > time.Minute {
			t.Fatalf("signed out to %s", step(t, tab, chromedp.Location()))
		}
	}
	step(t, tab, chromedp.Navigate(f.base+"/agents/7"))
	step(t, tab, chromedp.WaitVisible(chromedp.CSS("#username")))
}
