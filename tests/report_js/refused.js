// SPDX-License-Identifier: GPL-2.0

/** Which of these the page's policy refuses: each is tried as a script would try it. */
function refused() {
  const attempts = {
    markup: () => {
      document.createElement('p').innerHTML = '<b>x</b>';
    },
    inline: () => {
      const script = document.createElement('script');
      script.append('window.ran = true');
      document.body.append(script);
      if (!window.ran) {
        throw new Error('did not run');
      }
    },
  };
  const found = {};
  for (const [name, attempt] of Object.entries(attempts)) {
    try {
      attempt();
      found[name] = false;
    } catch {
      found[name] = true;
    }
  }
  return found;
}
