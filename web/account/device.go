package account

import "strings"

// device is a browser and a system by the names that people know, read from a user
// agent; what has none of these names shows its own. It is a hint for recognition
// and never a proof of anything.
func device(userAgent string) (browser, system string) {
	browser = firstNamed(userAgent, []named{
		{"Edg/", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"}, {"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"},
		{"HeadlessChrome/", "Chrome"}, {"CriOS/", "Chrome"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}, {"curl/", "curl"},
	})
	system = firstNamed(userAgent, []named{
		{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"Windows", "Windows"},
		{"Mac OS X", "macOS"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"},
	})
	if browser == "" && system == "" {
		return userAgent, ""
	}
	return browser, system
}

type named struct{ mark, name string }

// firstNamed relies on the order: many browsers also carry the marks of others.
func firstNamed(text string, marks []named) string {
	for _, m := range marks {
		if strings.Contains(text, m.mark) {
			return m.name
		}
	}
	return ""
}
