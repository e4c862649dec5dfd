// Package chrome drives a real browser in tests: Chromium, over the protocol of its
// developer tools. A [Tab] is a person with cookies, an authenticator and a keyboard of
// their own; [Tab.Inspect] holds a page to what every page must be and keeps pictures
// of it, in web/testdata/screenshots. Only tests may import the package.
package chrome
