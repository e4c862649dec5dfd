// The prototype's submit: a parameter of the response may be named "submit".
HTMLFormElement.prototype.submit.call(document.getElementById("form-post"));
