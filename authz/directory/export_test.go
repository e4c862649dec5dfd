package directory

// Redrawn is redrawn, for its fuzz test.
var Redrawn = redrawn
