package chrome

import (
	"strings"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Press presses keys, one after the other.
func (b *Tab) Press(keys string) { b.T.Helper(); Read(b, chromedp.KeyEvent(keys)) }

// Focused is the id of the element that has the keyboard, or its name.
func (b *Tab) Focused() string {
	b.T.Helper()
	return Read(b, chromedp.Evaluate[string](`document.activeElement.id || document.activeElement.localName`))
}

// TabTo presses Tab until an element has the keyboard, which is by way of exactly these
// others. Each of them must show it.
func (b *Tab) TabTo(id string, over ...string) { b.T.Helper(); b.tabTo(append(over, id)) }

// TabBackTo is TabTo the other way.
func (b *Tab) TabBackTo(id string, over ...string) {
	b.T.Helper()
	b.tabTo(append(over, id), chromedp.KeyModifiers(chromedp.ModifierShift))
}

func (b *Tab) tabTo(way []string, how ...chromedp.KeyOption) {
	b.T.Helper()
	var went []string
	for range way {
		Read(b, chromedp.KeyEvent(kb.Tab, how...))
		went = append(went, b.Focused())
		if !Read(b, chromedp.Evaluate[bool](ringed)) {
			b.T.Errorf("nothing shows that %s has the keyboard", b.Focused())
		}
	}
	if got, want := strings.Join(went, " "), strings.Join(way, " "); got != want {
		b.T.Fatalf("the keyboard went over %s, want %s", got, want)
	}
}

// ringed says that there is a line of two pixels or more around what has the keyboard.
const ringed = `(style => style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2)(getComputedStyle(document.activeElement))`
