"""A line a claim, and the last line is `N passed, N failed`."""


class Checks:
    def __init__(self):
        self.passed = self.failed = 0

    def that(self, claim, truth, detail=""):
        if truth:
            self.passed += 1
            print(f"ok    {claim}")
        else:
            self.failed += 1
            print(f"FAIL  {claim}\n      {detail}")

    def end(self):
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed else 0
