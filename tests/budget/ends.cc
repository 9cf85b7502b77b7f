// Ends at once, with 0.
int main() { return 0; }
