/* Keeps the score of the questions on a page. Without this script they still fold open and explain themselves. */
(() => {
  const questions = [...document.querySelectorAll(".question")];
  const results = new Map(); // question: whether its first answer was right
  const make = (tag, attributes, ...children) => {
    const made = Object.assign(document.createElement(tag), attributes);
    made.append(...children);
    return made;
  };

  const status = make("p", { className: "quiz-status" });
  status.setAttribute("role", "status"); // announced politely whenever its text changes
  const again = make("button", { type: "button", className: "quiz-button", textContent: "Start again" });

  const tell = (news) => {
    const right = [...results.values()].filter(Boolean).length;
    const answered = `${results.size} of ${questions.length} answered, ${right} right at the first try`;
    status.textContent = `${news} ${answered}.`.trim();
    again.hidden = results.size === 0;
  };

  const answer = (question, right) => {
    if (!results.has(question)) {
      results.set(question, right);
      question.dataset.first = right ? "right" : "wrong";
    }
    tell(right ? "Right." : "Not this one.");
  };

  /* A click also stands for Enter and Space; "toggle" would count what the browser's search unfolds. */
  const onOpen = (fold, act) =>
    fold.querySelector("summary").addEventListener("click", () => fold.open || act());

  const withOptions = (question) => {
    for (const option of question.querySelectorAll(".options details")) {
      onOpen(option, () => answer(question, option.dataset.right === "yes"));
    }
  };

  const withNumber = (question, index) => {
    const fold = question.querySelector("details");
    const cases = [...fold.querySelectorAll(":scope > div")];
    const unit = fold.dataset.unit ? ` (${fold.dataset.unit})` : "";
    const input = make("input", { id: `quiz-input-${index}`, required: true, autocomplete: "off", size: 9 });
    input.inputMode = "text"; // phones: the decimal keypad has no minus sign
    input.pattern = "[\\-−+]?[0-9]*[.,]?[0-9]+";
    input.title = "a decimal number, such as 0.25";
    const label = make("label", { htmlFor: input.id, textContent: `Your number${unit}` });
    const feedback = make("div", { className: "quiz-feedback" });
    const check = make("button", { className: "quiz-button", textContent: "Check" });
    const form = make("form", { className: "quiz-form" }, label, input, check);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const typed = Number(input.value.trim().replace(",", ".").replace("−", "-"));
      const near = ({ dataset }) => Math.abs(typed - dataset.value) <= Number(dataset.within) + 1e-12;
      const found = cases.find(near) ?? cases.find(({ dataset }) => dataset.value === undefined);
      const right = found?.dataset.right === "yes";
      const verdict = make("strong", { textContent: right ? "Right. " : "Not this one. " });
      const words = found ? [...found.children].slice(1).map((child) => child.cloneNode(true)) : [];
      feedback.replaceChildren(make("p", {}, verdict), ...words);
      feedback.dataset.right = right ? "yes" : "no";
      answer(question, right);
    });
    onOpen(fold, () => results.has(question) || answer(question, false));
    fold.before(form, feedback);
    return () => {
      form.reset();
      feedback.replaceChildren();
      delete feedback.dataset.right;
    };
  };

  const clear = questions.map((question, index) =>
    question.matches(".numeric") ? withNumber(question, index) : withOptions(question),
  );
  again.addEventListener("click", () => {
    for (const question of questions) {
      delete question.dataset.first;
      question.querySelectorAll("details[open]").forEach((fold) => (fold.open = false));
    }
    clear.forEach((one) => one?.());
    results.clear();
    tell("Cleared.");
    questions[0].scrollIntoView();
  });
  const bar = make("div", { className: "quiz-bar" }, status, again);
  document.querySelector(".bd-article").append(bar);
  document.documentElement.classList.add("has-quiz");
  tell("");
})();
