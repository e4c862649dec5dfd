// Package webtest boots the whole house for a test: a real database, real keys,
// the real routes on a real socket, and a clock that the test can move. Its
// [Browser] is a person's browser as far as forms and cookies go. Only tests may
// import the package.
package webtest
